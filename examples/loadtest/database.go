package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/examples/internal/display"
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
	connString string
	config     *pgxpool.Config
	sizing     otelpool.Sizing
	about      string // for the user, without a password
	close      func() error
}

// openDatabase connects to the user's database or starts a throwaway server. It checks the settings first.
func openDatabase(ctx context.Context, s settings) (*database, error) {
	connString := cmp.Or(s.dsn, os.Getenv(postgres.URLEnv))
	throwaway := connString == ""
	if throwaway {
		connString = "host=127.0.0.1 user=postgres sslmode=disable" // a placeholder: the server's address is not known yet
	}
	_, sizing, err := s.poolConfig(connString)
	if err != nil {
		return nil, err
	}
	stop := func() error { return nil }
	if throwaway {
		// A search may double the size.
		connections := max(100, slices.Max(append(s.sizes, 2*(sizing.PoolSize+sizing.MaxOverflow)))+spareConnections)
		if connString, stop, err = postgres.EnvOrStart(ctx, postgres.WithMaxConnections(connections)); err != nil {
			return nil, stoppedOr(ctx, err)
		}
	}
	db := &database{connString: connString, close: stop}
	if db.config, db.sizing, err = s.poolConfig(connString); err == nil {
		err = db.check(ctx, s)
	}
	if err != nil {
		return nil, errors.Join(stoppedOr(ctx, err), stop())
	}
	if throwaway {
		db.about += ", throwaway: removed when the test ends"
	} else {
		db.about += " of " + s.source()
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

// check runs each statement once without the pool, to find an error before the load does. Statements that may write are
// only prepared.
func (db *database) check(ctx context.Context, s settings) error {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	conn, err := pgx.ConnectConfig(ctx, db.config.ConnConfig)
	if err != nil {
		return fmt.Errorf("the database cannot be reached, check %s and that the server is running: %s",
			s.source(), display.OneLine(err))
	}
	defer conn.Close(context.WithoutCancel(ctx))
	db.about = display.Server(conn)
	for _, of := range s.statements {
		described, err := conn.Prepare(ctx, "", of.sql)
		if err == nil && len(described.ParamOIDs) > 0 {
			err = errors.New("it has parameters: want values or random() instead")
		}
		if err == nil && !s.write {
			err = checkSelect(ctx, conn, of.sql)
		}
		if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
			err = fmt.Errorf("%s (SQLSTATE %s)", pgErr.Message, pgErr.Code)
			if pgErr.Code == readOnly {
				err = fmt.Errorf("%w: want -write to allow it", err)
			}
		}
		if err != nil {
			return fmt.Errorf("%s cannot be run: %w", of.source, err)
		}
	}
	if s.write {
		return nil
	}
	// A pooler may ignore the parameter.
	var state string
	if err := conn.QueryRow(ctx, "SELECT current_setting('transaction_read_only')").Scan(&state); err != nil {
		return fmt.Errorf("find out whether the connection is read-only: %w", err)
	}
	if state != "on" {
		return errors.New("the server does not keep the connection read-only: want -write if the statements may write")
	}
	return nil
}

// readOnly is the SQLSTATE of a statement that a read-only transaction refuses.
const readOnly = "25006"

// checkSelect runs a statement, and returns an error if the server says that it is not a SELECT. It must be a single
// statement, because a second one could begin a transaction that writes.
func checkSelect(ctx context.Context, conn *pgx.Conn, sql string) error {
	rows, err := conn.Query(ctx, sql, pgx.QueryExecModeDescribeExec)
	if err != nil {
		return err
	}
	rows.Close()
	if err := rows.Err(); err != nil {
		return err
	}
	if tag := rows.CommandTag(); !tag.Select() {
		return fmt.Errorf("the server calls it %q, not SELECT: want -write to allow it", tag)
	}
	return nil
}
