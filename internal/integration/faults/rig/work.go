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

// Schema creates the tables of the works.
const Schema = `CREATE TABLE IF NOT EXISTS things (id int PRIMARY KEY, n bigint NOT NULL);
	CREATE TABLE IF NOT EXISTS copied (id int, text text);
	INSERT INTO things SELECT generate_series(1, 500), 0 ON CONFLICT DO NOTHING`

// Mixed has one of each kind of work.
var Mixed = []Work{Select, Named, Transaction, Batch, Copy, Wrong}

// Select runs a statement without arguments.
func Select(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	_, err := c.Exec(ctx, "SELECT 1")
	l.countCall("SELECT", err)
	return err
}

// Named selects one row by a query with a name from sqlc.
func Named(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	var n int64
	err := c.QueryRow(ctx, "-- name: GetThing :one\nSELECT n FROM things WHERE id = $1", 1).Scan(&n)
	l.countCall("GetThing", err)
	return err
}

// Transaction updates a row in a transaction.
func Transaction(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	return transaction(ctx, c, l, 0)
}

// Slow is a transaction that stays open for a while.
func Slow(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	return transaction(ctx, c, l, 20*time.Millisecond)
}

func transaction(ctx context.Context, c *pgxpool.Conn, l *Counts, open time.Duration) error {
	tx, err := c.Begin(ctx)
	l.countCall("BEGIN", err)
	if err != nil {
		return err
	}
	// Each connection updates its own row, so that transactions do not wait for each other.
	_, err = tx.Exec(ctx, "UPDATE things SET n = n + 1 WHERE id = $1", 1+c.Conn().PgConn().PID()%500)
	l.countCall("UPDATE things", err)
	if err != nil {
		l.countCall("ROLLBACK", tx.Rollback(ctx))
		return err
	}
	if open > 0 {
		<-time.After(open)
	}
	err = tx.Commit(ctx)
	l.countCall("COMMIT", err)
	return err
}

// Batch sends a batch of two statements.
func Batch(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	var b pgx.Batch
	b.Queue("SELECT 1")
	b.Queue("SELECT 2")
	err := c.SendBatch(ctx, &b).Close()
	l.countCall("BATCH SELECT", err)
	return err
}

// Copy copies two rows into a table.
func Copy(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	_, err := c.CopyFrom(ctx, pgx.Identifier{"copied"}, []string{"id", "text"}, pgx.CopyFromRows([][]any{{1, "a"}, {2, "b"}}))
	l.countCall("COPY copied", err)
	return err
}

// Wrong runs a statement that the server always refuses.
func Wrong(ctx context.Context, c *pgxpool.Conn, l *Counts) error {
	_, err := c.Exec(ctx, "SELECT 1 / 0")
	l.countCall("SELECT", err)
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok && pgErr.Code == "22012" {
		return nil
	}
	return fmt.Errorf("division by zero returns %w", err)
}
