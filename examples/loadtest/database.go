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

	// checkTimeout limits the request that checks the query before the load.
	checkTimeout = 30 * time.Second

	// spareConnections is the number of connections of the throwaway server besides the pool's: its own reserve, and
	// some for observers.
	spareConnections = 10
)

// database is the database under load.
type database struct {
	config *pgxpool.Config
	sizing otelpool.Sizing
	about  string // for the user, without a password
	close  func() error
}

// openDatabase connects to the user's database or starts a throwaway server. It checks the settings first.
func openDatabase(ctx context.Context, s settings) (*database, error) {
	throwaway := os.Getenv(postgres.URLEnv) == ""
	connString := os.Getenv(postgres.URLEnv)
	if throwaway {
		connString = "host=127.0.0.1 user=postgres sslmode=disable" // a placeholder: the server's address is not known yet
	}
	_, sizing, err := s.poolConfig(connString)
	if err != nil {
		return nil, err
	}
	connections := max(100, sizing.PoolSize+sizing.MaxOverflow+spareConnections)
	connString, stop, err := postgres.EnvOrStart(ctx, postgres.WithMaxConnections(connections))
	if err != nil {
		return nil, stoppedOr(ctx, err)
	}
	db := &database{close: stop}
	if db.config, db.sizing, err = s.poolConfig(connString); err == nil {
		err = db.check(ctx, s.query)
	}
	if err != nil {
		return nil, errors.Join(stoppedOr(ctx, err), stop())
	}
	if throwaway {
		db.about += ", throwaway: removed when the test ends"
	} else {
		db.about += " of " + postgres.URLEnv
	}
	return db, nil
}

// errNoLoad is the error of a test that was stopped during its setup.
var errNoLoad = errors.New("stopped before the load began")

// stoppedOr returns errNoLoad instead of err if ctx has ended.
func stoppedOr(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return errNoLoad
	}
	return err
}

// check runs the query once without the pool, so that an error is found before all callers meet it.
func (db *database) check(ctx context.Context, query string) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, db.config.ConnConfig)
	if err != nil {
		return fmt.Errorf("the database cannot be reached, check %s and that the server is running: %s", postgres.URLEnv, oneLine(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	db.about = serverName(conn)
	if _, err := conn.Exec(ctx, query); err != nil {
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			return fmt.Errorf("-query cannot be run: %s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
		}
		return fmt.Errorf("-query cannot be run: %w", err)
	}
	return nil
}

func serverName(conn *pgx.Conn) string {
	// Packagers add text after a space: 17.5 (Debian 17.5-1).
	version, _, _ := strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	config := conn.Config()
	host := config.Host
	if !filepath.IsAbs(host) { // otherwise it is the directory of a Unix socket
		host = net.JoinHostPort(host, strconv.Itoa(int(config.Port)))
	}
	return fmt.Sprintf("PostgreSQL %s, database %s at %s", version, config.Database, host)
}

// oneLine returns an error in one line, without the password. pgx's text has a line for each attempt to connect; equal
// lines appear only once.
func oneLine(err error) string {
	var lines []string
	for line := range strings.Lines(err.Error()) {
		if line = strings.TrimSpace(line); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, " ")
}
