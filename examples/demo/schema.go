package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	schemaName      = "otelpool_demo"
	applicationName = "otelpool-demo"

	// schemaMark is the comment by which the demo knows its own schema.
	schemaMark = "Made by the demo of otelpool, which drops it when it ends."
)

// What the traffic refers to.
const (
	users    = 500
	roles    = 5
	accounts = 100
)

// create makes the schema. All that traffic does keeps it at about its size, however long the demo runs.
var create = strings.NewReplacer("$mark", schemaMark).Replace(`
CREATE SCHEMA otelpool_demo;
COMMENT ON SCHEMA otelpool_demo IS '$mark';

CREATE TABLE otelpool_demo.users (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE otelpool_demo.roles (id int PRIMARY KEY, name text NOT NULL);
CREATE TABLE otelpool_demo.user_roles (
	user_id int REFERENCES otelpool_demo.users,
	role_id int REFERENCES otelpool_demo.roles,
	PRIMARY KEY (user_id, role_id)
);
CREATE TABLE otelpool_demo.accounts (id int PRIMARY KEY, balance bigint NOT NULL);
CREATE TABLE otelpool_demo.events (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, kind text NOT NULL, user_id int NOT NULL);
`) + fmt.Sprintf(`
INSERT INTO otelpool_demo.users SELECT n, 'user ' || n FROM generate_series(1, %d) AS n;
INSERT INTO otelpool_demo.roles SELECT n, 'role ' || n FROM generate_series(1, %d) AS n;
INSERT INTO otelpool_demo.user_roles SELECT id, 1 + id %% %[2]d FROM otelpool_demo.users;
INSERT INTO otelpool_demo.accounts SELECT n, 1000 FROM generate_series(1, %d) AS n;
`, users, roles, accounts)

// drop takes away what create made and, without CASCADE, nothing that somebody else made.
const drop = `
DROP TABLE IF EXISTS otelpool_demo.events, otelpool_demo.accounts, otelpool_demo.user_roles, otelpool_demo.roles, otelpool_demo.users;
DROP SCHEMA IF EXISTS otelpool_demo;
`

// createSchema makes the schema, in place of one that a demo left which was killed.
func createSchema(ctx context.Context, conn *pgx.Conn) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		left, err := isLeft(ctx, tx)
		if err != nil {
			return err
		}
		if left {
			if _, err := tx.Exec(ctx, drop); err != nil {
				return fmt.Errorf("drop what a demo left: %w", err)
			}
		}
		_, err = tx.Exec(ctx, create)
		return err
	})
	if err != nil {
		return fmt.Errorf("make schema %s: %w", schemaName, err)
	}
	return nil
}

// isLeft tells whether a demo left its schema. It is an error if the schema is somebody else's, or in use.
func isLeft(ctx context.Context, tx pgx.Tx) (bool, error) {
	var mark string
	err := tx.QueryRow(ctx, `SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1`, schemaName).Scan(&mark)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if mark != schemaMark {
		return false, errors.New("the database has one that the demo did not make: rename it, or use another database")
	}
	var inUse bool
	err = tx.QueryRow(ctx, `SELECT EXISTS (SELECT FROM pg_stat_activity WHERE application_name = $1 AND datname = current_database())`,
		applicationName).Scan(&inUse)
	if err == nil && inUse {
		err = errors.New("another demo is using this database: end it first")
	}
	return true, err
}

func dropSchema(ctx context.Context, conn *pgx.Conn) error {
	_, err := conn.Exec(ctx, drop)
	return err
}
