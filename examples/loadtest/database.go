package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	applicationName = "otelpool-loadtest"

	// checkTimeout limits the one request that is made before the load.
	checkTimeout = 30 * time.Second

	// spareConnections are what the throwaway server allows beside the pool's: its own reserve and some to look on.
	spareConnections = 10
)

// database is where the load goes.
type database struct {
	config *pgxpool.Config
	sizing otelpool.Sizing
	about  string // for the user, without a password
	close  func() error
}

// openDatabase reaches the user's database or starts a throwaway server. What is wrong with the settings is said before
// that is done.
func openDatabase(ctx context.Context, s settings) (*database, error) {
	throwaway := os.Getenv(postgres.URLEnv) == ""
	connString := os.Getenv(postgres.URLEnv)
	if throwaway {
		connString = "host=127.0.0.1 user=postgres sslmode=disable" // the server's is not known yet, nor needed
	}
	_, sizing, err := s.poolConfig(connString)
	if err != nil {
		return nil, err
	}
	connections := max(100, sizing.PoolSize+sizing.MaxOverflow+spareConnections)
	connString, stop, err := postgres.EnvOrStart(ctx, postgres.WithMaxConnections(connections))
	if err != nil {
		return nil, orStopped(ctx, err)
	}
	db := &database{close: stop}
	if db.config, db.sizing, err = s.poolConfig(connString); err == nil {
		err = db.check(ctx, s.query)
	}
	if err != nil {
		return nil, errors.Join(orStopped(ctx, err), stop())
	}
	if throwaway {
		db.about += ", throwaway: gone when the test ends"
	} else {
		db.about += " of " + postgres.URLEnv
	}
	return db, nil
}

// errNoLoad is for a test that was stopped while it was set up.
var errNoLoad = errors.New("stopped before the load began")

// orStopped gives errNoLoad in place of an error of something that was only cut short.
func orStopped(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errNoLoad
	}
	return err
}

// check makes one request, not by the pool, so that a query with an error is found before a hundred callers make it.
func (db *database) check(ctx context.Context, query string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, db.config.ConnConfig)
	if err != nil {
		return fmt.Errorf("the database cannot be reached, check %s and that the server runs: %s", postgres.URLEnv, oneLine(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	db.about = describe(conn)
	if _, err := conn.Exec(ctx, query); err != nil {
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			return fmt.Errorf("-query cannot be run: %s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
		}
		return fmt.Errorf("-query cannot be run: %w", err)
	}
	return nil
}

func describe(conn *pgx.Conn) string {
	// What packagers add comes after a blank: 17.5 (Debian 17.5-1).
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	config := conn.Config()
	host := config.Host
	if !filepath.IsAbs(host) { // else it is the folder of a unix socket
		host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
	}
	return fmt.Sprintf("PostgreSQL %s, database %s at %s", version, config.Database, host)
}

// oneLine makes one line of an error that has several: pgx's has one for each attempt to connect, also where two are the
// same. The password is in none of them.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}
