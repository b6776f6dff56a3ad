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

	// schemaMark is the comment that marks the demo's own schema.
	schemaMark = "Made by the demo of otelpool, which drops it when it ends."
)

// Numbers of rows.
const (
	users    = 500
	roles    = 5
	accounts = 100
)

// create creates the schema. The traffic keeps it at about this size.
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

// drop drops the objects of create. Without CASCADE it fails if the schema contains anything else.
const drop = `
DROP TABLE IF EXISTS otelpool_demo.events, otelpool_demo.accounts, otelpool_demo.user_roles, otelpool_demo.roles, otelpool_demo.users;
DROP SCHEMA IF EXISTS otelpool_demo;
`

// createSchema creates the schema. It replaces one that a killed demo left behind.
func createSchema(ctx context.Context, conn *pgx.Conn) error {
	err := pgx.BeginFunc(ctx, conn, func(tx pgx.Tx) error {
		leftover, err := hasLeftoverSchema(ctx, tx)
		if err != nil {
			return err
		}
		if leftover {
			if _, err := tx.Exec(ctx, drop); err != nil {
				return fmt.Errorf("drop the schema of an earlier demo: %w", err)
			}
		}
		_, err = tx.Exec(ctx, create)
		return err
	})
	if err != nil {
		return fmt.Errorf("create schema %s: %w", schemaName, err)
	}
	return nil
}

// hasLeftoverSchema reports whether an earlier demo left its schema behind. It returns an error if the schema belongs
// to another program or is in use.
func hasLeftoverSchema(ctx context.Context, tx pgx.Tx) (bool, error) {
	var mark string
	err := tx.QueryRow(ctx, `SELECT coalesce(obj_description(oid, 'pg_namespace'), '') FROM pg_namespace WHERE nspname = $1`, schemaName).Scan(&mark)
	if errors.Is(err, pgx.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if mark != schemaMark {
		return false, errors.New("the database has one that the demo did not create: rename it, or use another database")
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
