package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/internal/postgres"
)

// databaseTimeout limits database work outside the traffic.
const databaseTimeout = 10 * time.Second

// errConnString does not wrap its cause, which may contain the password.
var errConnString = errors.New(postgres.URLEnv + " cannot be used: want postgres://user:password@host:5432/database or " +
	"host=... user=... dbname=..., and the files that it names must exist")

// database is the database with the demo's schema.
type database struct {
	connString string
	about      string // for the user, without a password
	close      func() error
}

// openDatabase creates the schema in the user's database or on a throwaway server. close removes what it created.
func openDatabase(ctx context.Context) (*database, error) {
	throwaway := os.Getenv(postgres.URLEnv) == ""
	connString, stop, err := postgres.EnvOrStart(ctx)
	if err != nil {
		return nil, err
	}
	db := &database{connString: connString, close: stop}
	err = db.prepare(ctx)
	if err != nil {
		return nil, errors.Join(err, stop())
	}
	if throwaway {
		db.about += ", throwaway: removed when the demo ends"
	} else {
		db.about += " of " + postgres.URLEnv + ", schema " + schemaName + ": dropped when the demo ends"
		db.close = db.dropSchema
	}
	return db, nil
}

// prepare creates the schema and sets about.
func (db *database) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	conn, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	db.about = display.Server(conn)
	return createSchema(ctx, conn)
}

func (db *database) dropSchema() error {
	ctx, cancel := context.WithTimeout(context.Background(), databaseTimeout)
	defer cancel()
	conn, err := db.connect(ctx)
	if err == nil {
		defer conn.Close(ctx)
		err = dropSchema(ctx, conn)
	}
	if err != nil {
		return fmt.Errorf("schema %s remains in the database, and the next run of the demo drops it: %w", schemaName, err)
	}
	return nil
}

func (db *database) connect(ctx context.Context) (*pgx.Conn, error) {
	config, err := pgx.ParseConfig(db.connString)
	if err != nil {
		return nil, errConnString
	}
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		return nil, fmt.Errorf("the database cannot be reached, check %s and that the server is running: %s", postgres.URLEnv, display.OneLine(err))
	}
	return conn, nil
}
