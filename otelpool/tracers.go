package otelpool

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
)

// tracer is all that pgx may ask of a tracer.
type tracer interface {
	pgx.QueryTracer
	pgx.BatchTracer
	pgx.CopyFromTracer
	pgx.PrepareTracer
	pgx.ConnectTracer
	pgxpool.AcquireTracer
	pgxpool.ReleaseTracer
}

// find finds a tracer of ours in a configuration's: as itself, around or below another of ours, or among those that the
// user joined by pgx's multitracer.
func find[T pgx.QueryTracer](in pgx.QueryTracer) (found T, ok bool) {
	switch t := in.(type) {
	case T:
		return t, true
	case *hooks:
		return find[T](t.next.query)
	case *sizer:
		return find[T](t.query)
	case *multitracer.Tracer:
		if t == nil {
			return found, false
		}
		for _, q := range t.QueryTracers {
			if found, ok = find[T](q); ok {
				return found, true
			}
		}
	}
	return found, false
}

// tracers passes events on to a tracer, for each interface that it has.
type tracers struct {
	query    pgx.QueryTracer
	batch    pgx.BatchTracer
	copyFrom pgx.CopyFromTracer
	prepare  pgx.PrepareTracer
	connect  pgx.ConnectTracer
	acquire  pgxpool.AcquireTracer
	release  pgxpool.ReleaseTracer
}

var _ tracer = (*tracers)(nil)

func tracersOf(t pgx.QueryTracer) tracers {
	to := tracers{query: t}
	to.batch, _ = t.(pgx.BatchTracer)
	to.copyFrom, _ = t.(pgx.CopyFromTracer)
	to.prepare, _ = t.(pgx.PrepareTracer)
	to.connect, _ = t.(pgx.ConnectTracer)
	to.acquire, _ = t.(pgxpool.AcquireTracer)
	to.release, _ = t.(pgxpool.ReleaseTracer)
	return to
}

func (t *tracers) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	if t.acquire != nil {
		return t.acquire.TraceAcquireStart(ctx, pool, data)
	}
	return ctx
}

func (t *tracers) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if t.acquire != nil {
		t.acquire.TraceAcquireEnd(ctx, pool, data)
	}
}

func (t *tracers) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if t.release != nil {
		t.release.TraceRelease(pool, data)
	}
}

func (t *tracers) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	if t.connect != nil {
		return t.connect.TraceConnectStart(ctx, data)
	}
	return ctx
}

func (t *tracers) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if t.connect != nil {
		t.connect.TraceConnectEnd(ctx, data)
	}
}

func (t *tracers) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if t.query != nil {
		return t.query.TraceQueryStart(ctx, conn, data)
	}
	return ctx
}

func (t *tracers) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	if t.query != nil {
		t.query.TraceQueryEnd(ctx, conn, data)
	}
}

func (t *tracers) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	if t.batch != nil {
		return t.batch.TraceBatchStart(ctx, conn, data)
	}
	return ctx
}

func (t *tracers) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	if t.batch != nil {
		t.batch.TraceBatchQuery(ctx, conn, data)
	}
}

func (t *tracers) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	if t.batch != nil {
		t.batch.TraceBatchEnd(ctx, conn, data)
	}
}

func (t *tracers) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	if t.copyFrom != nil {
		return t.copyFrom.TraceCopyFromStart(ctx, conn, data)
	}
	return ctx
}

func (t *tracers) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	if t.copyFrom != nil {
		t.copyFrom.TraceCopyFromEnd(ctx, conn, data)
	}
}

func (t *tracers) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	if t.prepare != nil {
		return t.prepare.TracePrepareStart(ctx, conn, data)
	}
	return ctx
}

func (t *tracers) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	if t.prepare != nil {
		t.prepare.TracePrepareEnd(ctx, conn, data)
	}
}
