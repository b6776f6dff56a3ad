package sqlname

import (
	"strings"
	"testing"
)

func TestSQLCFindsTheName(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"-- name: GetUser :one\nselect * from users",
		"-- name: GetUser :many\r\nselect 1",
		"\n\n  -- name: GetUser :exec\n",
		"-- a comment\n-- name: GetUser :execrows\nselect 1",
		"-- name of the thing\n/* another /* nested */ one */\n\t-- name: GetUser :batchone\nselect 1",
		"/* name: GetUser :many */ select 1",
		"/* name: GetUser :many */select 1",
		"--name: GetUser :copyfrom",
		"--  name:GetUser   :execlastid  ",
		"-- name: GetUser :newcommand\nselect '-- name: Wrong :one'",
		"-- name: GetUser :one\n-- name: Second :one\nselect 1",
		"-- name: 1 :one\n-- name: GetUser :one\nselect 1",
		"--\n-- name: GetUser :one",
	} {
		if name, _, ok := SQLC(sql); !ok || name != "GetUser" {
			t.Errorf("SQLC(%q) = %q, %v", sql, name, ok)
		}
	}
	for _, name := range []string{"_x", "größe", "get_user_2", strings.Repeat("x", maxBytes)} {
		if got, _, ok := SQLC("-- name: " + name + " :one\nselect 1"); !ok || got != name {
			t.Errorf("SQLC of %q = %q, %v", name, got, ok)
		}
	}
}

func TestSQLCIgnoresOtherComments(t *testing.T) {
	t.Parallel()
	for _, sql := range []string{
		"",
		"select 1",
		"-- name of the thing\nselect 1",
		"-- name: of the thing\nselect 1",
		"-- name: GetUser\nselect 1",
		"-- name: GetUser one\nselect 1",
		"-- name: GetUser :one or so\nselect 1",
		"-- name: GetUser :\nselect 1",
		"-- name: -- :one\nselect 1",
		"-- name: :one\nselect 1",
		"-- name: get-user :one\nselect 1",
		"-- name: 2nd :one\nselect 1",
		"-- name: Get\x80User :one\nselect 1",
		"-- name: Get\x00User :one\nselect 1",
		"-- Name: GetUser :one\nselect 1",
		"-- the name: GetUser :one\nselect 1",
		"-- name: " + strings.Repeat("x", maxBytes+1) + " :one\nselect 1",
		"# name: GetUser :one\nselect 1",
		"- name: GetUser :one",
		"select 1 -- name: GetUser :one",
		"select 1\n-- name: GetUser :one\n",
		"; -- name: GetUser :one\n",
		"'\n-- name: GetUser :one\n'",
		"$$\n-- name: GetUser :one\n$$",
		"/* \n-- name: GetUser :one\n */ select 1",
		"/* /* name: GetUser :one */ */ select 1",
		"/* name: GetUser :one",
		"/* name: GetUser :one select 1",
	} {
		if name, command, ok := SQLC(sql); ok || name != "" || command != "" {
			t.Errorf("SQLC(%q) = %q, %q, %v", sql, name, command, ok)
		}
	}
}

func TestSQLCReadsABoundedPrefix(t *testing.T) {
	t.Parallel()
	annotation := "-- name: GetUser :one\n"
	blank := strings.Repeat("\n", maxScan)
	for i := range len(annotation) + 1 {
		sql := blank[:maxScan-i] + annotation + "select 1"
		if name, _, ok := SQLC(sql); ok && (name != "GetUser" || i < len(annotation)) {
			t.Errorf("with %d bytes in reach: %q", i, name)
		} else if !ok && i == len(annotation) {
			t.Error("a whole annotation is not found")
		}
	}
}

func TestOfPrefersSQLCNameToSummary(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ sql, name, command string }{
		{"-- name: GetUser :one\nselect * from users", "GetUser", "one"},
		{"/* name: GetUser  :batchmany */ select * from users", "GetUser", "batchmany"},
		{"-- name of the user\nselect * from users", "SELECT users", ""},
		{"-- ping", Other, ""},
		{"", Other, ""},
	} {
		if name, command := Of(tt.sql); name != tt.name || command != tt.command {
			t.Errorf("Of(%q) = %q, %q, want %q, %q", tt.sql, name, command, tt.name, tt.command)
		}
	}
}
