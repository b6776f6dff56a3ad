package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

// databaseTimeout limits what is done to the database beside the traffic.
const databaseTimeout = 10 * time.Second

// errConnString does not wrap its cause, which could quote the password.
var errConnString = errors.New(postgres.URLEnv + " cannot be used: want postgres://user:password@host:5432/database or " +
	"host=... user=... dbname=..., and the files that it names must be there")

// database is where the demo has its schema.
type database struct {
	connString string
	about      string // for the user, without a password
	close      func() error
}

// openDatabase makes the schema in the user's database or on a throwaway server. Its close takes away what it made.
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
		db.about += ", throwaway: gone when the demo ends"
	} else {
		db.about += " of " + postgres.URLEnv + ", schema " + schemaName + ": dropped when the demo ends"
		db.close = db.dropSchema
	}
	return db, nil
}

// prepare makes the schema and finds out what the database is.
func (db *database) prepare(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, databaseTimeout)
	defer cancel()
	conn, err := db.connect(ctx)
	if err != nil {
		return err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	db.about = describe(conn)
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
		return fmt.Errorf("schema %s is left in the database, the next run of the demo will drop it: %w", schemaName, err)
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
		return nil, fmt.Errorf("the database cannot be reached, check %s and that the server runs: %s", postgres.URLEnv, oneLine(err))
	}
	return conn, nil
}

// oneLine makes one line of pgx's error, which has one for each attempt to connect, also where two are the same. The
// password is in none of them.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}

func describe(conn *pgx.Conn) string {
	// What packagers add comes after a blank: 17.5 (Debian 17.5-1).
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	config := conn.Config()
	return fmt.Sprintf("PostgreSQL %s, database %s at %s", version, config.Database, hostPort(config.Host, config.Port))
}
