package drive

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
)

// SQL is a query of typical length.
const SQL = "SELECT id, name, email FROM users WHERE id = $1 AND deleted_at IS NULL ORDER BY created_at LIMIT 1"

// ErrDuplicate is the error of a server for a violated constraint.
var ErrDuplicate error = &pgconn.PgError{
	Severity: "ERROR", Code: "23505", Message: "duplicate key value violates unique constraint",
}

// Tracer has the methods that a cycle calls.
type Tracer interface {
	pgx.QueryTracer
	pgxpool.AcquireTracer
}

// Cycle is one caller of a pool, on a connection of its own.
type Cycle struct {
	Ctx context.Context
	SQL string
	Err error             // result of the query
	Tag pgconn.CommandTag // result of the query

	pool       *pgxpool.Pool
	conn       *pgx.Conn
	tracer     Tracer
	release    pgxpool.ReleaseTracer // nil if the tracer does not implement it
	shouldPing func(context.Context, pgxpool.ShouldPingParams) bool
}

// New returns a cycle of a pool whose configuration has a tracer. No other cycle may use the connection.
func New(pool *pgxpool.Pool, conn *pgx.Conn) (*Cycle, error) {
	config := pool.Config()
	tracer, ok := config.ConnConfig.Tracer.(Tracer)
	if !ok {
		return nil, fmt.Errorf("drive: the pool's tracer is a %T (must implement Tracer)", config.ConnConfig.Tracer)
	}
	release, _ := tracer.(pgxpool.ReleaseTracer)
	return &Cycle{
		Ctx: context.Background(), SQL: SQL,
		pool: pool, conn: conn, tracer: tracer, release: release, shouldPing: config.ShouldPing,
	}, nil
}

// Run makes the calls of one cycle: those of pgxpool.Pool.Acquire with an idle connection, of a query, and of a
// release.
func (c *Cycle) Run() {
	ctx := c.tracer.TraceAcquireStart(c.Ctx, c.pool, pgxpool.TraceAcquireStartData{})
	if c.shouldPing != nil {
		c.shouldPing(ctx, pgxpool.ShouldPingParams{Conn: c.conn})
	}
	c.tracer.TraceAcquireEnd(ctx, c.pool, pgxpool.TraceAcquireEndData{Conn: c.conn})
	ctx = c.tracer.TraceQueryStart(c.Ctx, c.conn, pgx.TraceQueryStartData{SQL: c.SQL})
	c.tracer.TraceQueryEnd(ctx, c.conn, pgx.TraceQueryEndData{CommandTag: c.Tag, Err: c.Err})
	if c.release != nil {
		c.release.TraceRelease(c.pool, pgxpool.TraceReleaseData{Conn: c.conn})
	}
}
