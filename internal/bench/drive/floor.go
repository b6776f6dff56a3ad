package drive

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Floor is a tracer that does the minimum for measuring a cycle and records nothing. It reads the clock five times,
// keeps a state on the connection, and puts the start of an acquire into the context.
type Floor struct{}

var epoch = time.Now()

type floorContext struct {
	context.Context
	start time.Duration
}

type floorState struct {
	wait, held, query, total time.Duration
}

const floorKey = "floor"

func stateOf(conn *pgx.Conn) *floorState {
	data := conn.PgConn().CustomData()
	if s, ok := data[floorKey].(*floorState); ok {
		return s
	}
	s := new(floorState)
	data[floorKey] = s
	return s
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (Floor) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return &floorContext{ctx, time.Since(epoch)}
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (Floor) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if c, ok := ctx.(*floorContext); ok {
		s := stateOf(data.Conn)
		s.held = time.Since(epoch)
		s.wait = s.held - c.start
	}
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (Floor) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	s := stateOf(data.Conn)
	s.total += time.Since(epoch) - s.held
}

// TraceQueryStart implements pgx.QueryTracer.
func (Floor) TraceQueryStart(ctx context.Context, conn *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	stateOf(conn).query = time.Since(epoch)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (Floor) TraceQueryEnd(_ context.Context, conn *pgx.Conn, _ pgx.TraceQueryEndData) {
	s := stateOf(conn)
	s.total += time.Since(epoch) - s.query
}
