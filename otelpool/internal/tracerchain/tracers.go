package tracerchain

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Tracer has all tracer interfaces of pgx and pgxpool.
type Tracer interface {
	pgx.QueryTracer
	pgx.BatchTracer
	pgx.CopyFromTracer
	pgx.PrepareTracer
	pgx.ConnectTracer
	pgxpool.AcquireTracer
	pgxpool.ReleaseTracer
}

// Link is a tracer of otelpool that passes events on to another. No other tracer can be a Link by accident.
type Link interface {
	pgx.QueryTracer
	Next() *Tracers
}

// Tracers passes events on to a tracer, for each interface that it has. The zero value passes on nothing.
type Tracers struct {
	Query    pgx.QueryTracer // the tracer itself, nil if there is none
	batch    pgx.BatchTracer
	copyFrom pgx.CopyFromTracer
	prepare  pgx.PrepareTracer
	connect  pgx.ConnectTracer
	acquire  pgxpool.AcquireTracer
	release  pgxpool.ReleaseTracer
}

var _ Tracer = (*Tracers)(nil)

// To returns the Tracers that pass events on to t, which may be nil.
func To(t pgx.QueryTracer) Tracers {
	to := Tracers{Query: t}
	to.batch, _ = t.(pgx.BatchTracer)
	to.copyFrom, _ = t.(pgx.CopyFromTracer)
	to.prepare, _ = t.(pgx.PrepareTracer)
	to.connect, _ = t.(pgx.ConnectTracer)
	to.acquire, _ = t.(pgxpool.AcquireTracer)
	to.release, _ = t.(pgxpool.ReleaseTracer)
	return to
}

// Next implements [Link].
func (t *Tracers) Next() *Tracers { return t }

func (t *Tracers) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	if t.acquire != nil {
		return t.acquire.TraceAcquireStart(ctx, pool, data)
	}
	return ctx
}

func (t *Tracers) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if t.acquire != nil {
		t.acquire.TraceAcquireEnd(ctx, pool, data)
	}
}

func (t *Tracers) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if t.release != nil {
		t.release.TraceRelease(pool, data)
	}
}

func (t *Tracers) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	if t.connect != nil {
		return t.connect.TraceConnectStart(ctx, data)
	}
	return ctx
}

func (t *Tracers) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if t.connect != nil {
		t.connect.TraceConnectEnd(ctx, data)
	}
}

func (t *Tracers) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if t.Query != nil {
		return t.Query.TraceQueryStart(ctx, conn, data)
	}
	return ctx
}

func (t *Tracers) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	if t.Query != nil {
		t.Query.TraceQueryEnd(ctx, conn, data)
	}
}

func (t *Tracers) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if t.batch != nil {
		return t.batch.TraceBatchStart(ctx, conn, data)
	}
	return ctx
}

func (t *Tracers) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	if t.batch != nil {
		t.batch.TraceBatchQuery(ctx, conn, data)
	}
}

func (t *Tracers) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	if t.batch != nil {
		t.batch.TraceBatchEnd(ctx, conn, data)
	}
}

func (t *Tracers) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	if t.copyFrom != nil {
		return t.copyFrom.TraceCopyFromStart(ctx, conn, data)
	}
	return ctx
}

func (t *Tracers) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	if t.copyFrom != nil {
		t.copyFrom.TraceCopyFromEnd(ctx, conn, data)
	}
}

func (t *Tracers) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	if t.prepare != nil {
		return t.prepare.TracePrepareStart(ctx, conn, data)
	}
	return ctx
}

func (t *Tracers) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	if t.prepare != nil {
		t.prepare.TracePrepareEnd(ctx, conn, data)
	}
}
