package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/examples/frameworks/goose"
	"github.com/otelpool/otelpool-go/examples/frameworks/river"
	"github.com/otelpool/otelpool-go/internal/postgres"
)

// database is where the programs keep their tables.
type database struct {
	config *pgxpool.Config
	schema string
	stop   func() error
}

// openDatabase creates a schema with the tables in the database of DATABASE_URL, or on a throwaway server.
func openDatabase(ctx context.Context) (*database, error) {
	connString, stop, err := postgres.EnvOrStart(ctx)
	if err != nil {
		return nil, err
	}
	config, err := pgxpool.ParseConfig(connString)
	if err != nil { // its text may quote the password
		err := fmt.Errorf("%s is not a connection string such as postgres://user@host:5432/database", postgres.URLEnv)
		return nil, errors.Join(err, stop())
	}
	config.MaxConns = 5
	db := &database{config, "otelpool_frameworks_" + strings.ToLower(rand.Text()[:8]), stop}
	if err := db.exec(ctx, "CREATE SCHEMA "+db.schema); err != nil {
		return nil, errors.Join(err, stop())
	}
	config.ConnConfig.RuntimeParams["search_path"] = db.schema
	if err := migrate(ctx, config); err != nil {
		return nil, errors.Join(err, db.close())
	}
	return db, nil
}

// migrate creates the tables of the shop and of River.
func migrate(ctx context.Context, config *pgxpool.Config) error {
	p, _, err := goose.New(ctx, config)
	if err != nil {
		return err
	}
	return errors.Join(p.Run(ctx), p.Close(), river.Migrate(ctx, config))
}

// close drops the schema, and stops the server if it is a throwaway one.
func (db *database) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	return errors.Join(db.exec(ctx, "DROP SCHEMA "+db.schema+" CASCADE"), db.stop())
}

func (db *database) exec(ctx context.Context, statement string) error {
	conn, err := pgx.ConnectConfig(ctx, db.config.ConnConfig)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	_, err = conn.Exec(ctx, statement)
	return err
}
