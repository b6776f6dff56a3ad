package rig

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Schema makes what the work needs.
const Schema = `CREATE TABLE IF NOT EXISTS things (id int PRIMARY KEY, n bigint NOT NULL);
	CREATE TABLE IF NOT EXISTS copied (id int, text text);
	INSERT INTO things SELECT generate_series(1, 500), 0 ON CONFLICT DO NOTHING`

// Mixed is one of each kind of work.
var Mixed = []Work{Select, Named, Transaction, Batch, Copy, Wrong}

// Select runs a statement without arguments.
func Select(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	_, err := c.Exec(ctx, "SELECT 1")
	l.noteCall("SELECT", err)
	return err
}

// Named asks for one row by a query that sqlc has named.
func Named(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	var n int64
	err := c.QueryRow(ctx, "-- name: GetThing :one\nSELECT n FROM things WHERE id = $1", 1).Scan(&n)
	l.noteCall("GetThing", err)
	return err
}

// Transaction changes a row in a transaction.
func Transaction(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	return transaction(ctx, c, l, 0)
}

// Slow is a transaction that is open for a while.
func Slow(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	return transaction(ctx, c, l, 20*time.Millisecond)
}

func transaction(ctx context.Context, c *pgxpool.Conn, l *Ledger, open time.Duration) error {
	tx, err := c.Begin(ctx)
	l.noteCall("BEGIN", err)
	if err != nil {
		return err
	}
	// A row of the connection's own, so that transactions do not wait for each other.
	_, err = tx.Exec(ctx, "UPDATE things SET n = n + 1 WHERE id = $1", 1+c.Conn().PgConn().PID()%500)
	l.noteCall("UPDATE things", err)
	if err != nil {
		l.noteCall("ROLLBACK", tx.Rollback(ctx))
		return err
	}
	if open > 0 {
		<-time.After(open)
	}
	err = tx.Commit(ctx)
	l.noteCall("COMMIT", err)
	return err
}

// Batch sends two statements at once.
func Batch(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	var b pgx.Batch
	b.Queue("SELECT 1")
	b.Queue("SELECT 2")
	err := c.SendBatch(ctx, &b).Close()
	l.noteCall("BATCH SELECT", err)
	return err
}

// Copy copies two rows into a table.
func Copy(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	_, err := c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"id", "text"}, pgx.CopyFromRows([][]any{{1, "a"}, {2, "b"}}))
	l.noteCall("COPY copied", err)
	return err
}

// Wrong runs what the server must refuse, also when all is well.
func Wrong(ctx context.Context, c *pgxpool.Conn, l *Ledger) error {
	_, err := c.Exec(ctx, "SELECT 1 / 0")
	l.noteCall("SELECT", err)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "22012" {
		return nil
	}
	return fmt.Errorf("division by zero gives %w", err)
}
