package parity_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// queryTracer and the types below are user's tracers of one interface that record their events.
type queryTracer struct{ *eventLog }

func (d queryTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	d.add(conn, false, "QueryStart [%s] %q %v", marks(ctx), data.SQL, data.Args)
	return mark(ctx, "query", "started")
}

func (d queryTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	d.add(conn, false, "QueryEnd [%s] %q %s", marks(ctx), data.CommandTag, describe(data.Err))
}

type batchTracer struct{ *eventLog }

func (d batchTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	d.add(conn, false, "BatchStart [%s] %d", marks(ctx), data.Batch.Len())
	return mark(ctx, "batch", "started")
}

func (d batchTracer) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	d.add(conn, false, "BatchQuery [%s] %q %v %q %s", marks(ctx), data.SQL, data.Args, data.CommandTag, describe(data.Err))
}

func (d batchTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	d.add(conn, false, "BatchEnd [%s] %s", marks(ctx), describe(data.Err))
}

type copyTracer struct{ *eventLog }

func (d copyTracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	d.add(conn, false, "CopyFromStart [%s] %v %v", marks(ctx), data.TableName, data.ColumnNames)
	return mark(ctx, "copy", "started")
}

func (d copyTracer) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	d.add(conn, false, "CopyFromEnd [%s] %q %s", marks(ctx), data.CommandTag, describe(data.Err))
}

type prepareTracer struct{ *eventLog }

func (d prepareTracer) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	d.add(conn, false, "PrepareStart [%s] %q %q", marks(ctx), data.Name, data.SQL)
	return mark(ctx, "prepare", "started")
}

func (d prepareTracer) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	d.add(conn, false, "PrepareEnd [%s] %v %s", marks(ctx), data.AlreadyPrepared, describe(data.Err))
}

type connectTracer struct{ *eventLog }

func (d connectTracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	d.add(nil, false, "ConnectStart [%s] %s", marks(ctx), data.ConnConfig.Database)
	return mark(ctx, "connect", "started")
}

func (d connectTracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	d.add(data.Conn, false, "ConnectEnd [%s] %s", marks(ctx), describe(data.Err))
}

type acquireTracer struct{ *eventLog }

func (d acquireTracer) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	d.add(nil, false, "AcquireStart [%s] %v", marks(ctx), pool != nil)
	return mark(ctx, "acquire", "started")
}

func (d acquireTracer) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	d.add(data.Conn, false, "AcquireEnd [%s] %v %s", marks(ctx), pool != nil, describe(data.Err))
}

type releaseTracer struct{ *eventLog }

func (d releaseTracer) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	d.add(data.Conn, false, "Release %v", pool != nil)
}

// allTracer has every interface.
type allTracer struct {
	queryTracer
	batchTracer
	copyTracer
	prepareTracer
	connectTracer
	acquireTracer
	releaseTracer
}

// tracerOf returns a user's tracer of some interfaces. It always has that of queries, which pgx requires.
func (d *eventLog) tracerOf(which string) pgx.QueryTracer {
	q, b, c, p, n, a, r := queryTracer{d}, batchTracer{d}, copyTracer{d}, prepareTracer{d}, connectTracer{d}, acquireTracer{d}, releaseTracer{d}
	switch which {
	case "":
		return nil
	case "all":
		return allTracer{q, b, c, p, n, a, r}
	case "query":
		return q
	case "batch":
		return struct {
			queryTracer
			batchTracer
		}{q, b}
	case "copy":
		return struct {
			queryTracer
			copyTracer
		}{q, c}
	case "prepare":
		return struct {
			queryTracer
			prepareTracer
		}{q, p}
	case "connect":
		return struct {
			queryTracer
			connectTracer
		}{q, n}
	case "acquire":
		return struct {
			queryTracer
			acquireTracer
		}{q, a}
	case "release":
		return struct {
			queryTracer
			releaseTracer
		}{q, r}
	}
	panic(fmt.Sprintf("no tracer %q", which))
}
