package parity_test

import (
	"context"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// userTracer is a user's tracer that records its events. It has every interface.
type userTracer struct{ *eventLog }

func (d userTracer) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	d.add(conn, false, "QueryStart [%s] %q %v", marks(ctx), data.SQL, data.Args)
	return mark(ctx, "query", "started")
}

func (d userTracer) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	d.add(conn, false, "QueryEnd [%s] %q %s", marks(ctx), data.CommandTag, describe(data.Err))
}

func (d userTracer) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	d.add(conn, false, "BatchStart [%s] %d", marks(ctx), data.Batch.Len())
	return mark(ctx, "batch", "started")
}

func (d userTracer) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	d.add(conn, false, "BatchQuery [%s] %q %v %q %s", marks(ctx), data.SQL, data.Args, data.CommandTag, describe(data.Err))
}

func (d userTracer) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	d.add(conn, false, "BatchEnd [%s] %s", marks(ctx), describe(data.Err))
}

func (d userTracer) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	d.add(conn, false, "CopyFromStart [%s] %v %v", marks(ctx), data.TableName, data.ColumnNames)
	return mark(ctx, "copy", "started")
}

func (d userTracer) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	d.add(conn, false, "CopyFromEnd [%s] %q %s", marks(ctx), data.CommandTag, describe(data.Err))
}

func (d userTracer) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	d.add(conn, false, "PrepareStart [%s] %q %q", marks(ctx), data.Name, data.SQL)
	return mark(ctx, "prepare", "started")
}

func (d userTracer) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	d.add(conn, false, "PrepareEnd [%s] %v %s", marks(ctx), data.AlreadyPrepared, describe(data.Err))
}

func (d userTracer) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	d.add(nil, false, "ConnectStart [%s] %s", marks(ctx), data.ConnConfig.Database)
	return mark(ctx, "connect", "started")
}

func (d userTracer) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	d.add(data.Conn, false, "ConnectEnd [%s] %s", marks(ctx), describe(data.Err))
}

func (d userTracer) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	d.add(nil, false, "AcquireStart [%s] %v", marks(ctx), pool != nil)
	return mark(ctx, "acquire", "started")
}

func (d userTracer) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	d.add(data.Conn, false, "AcquireEnd [%s] %v %s", marks(ctx), pool != nil, describe(data.Err))
}

func (d userTracer) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	d.add(data.Conn, false, "Release %v", pool != nil)
}

// tracerOf returns a user's tracer with some interfaces. It always implements QueryTracer, which pgx requires.
func (d *eventLog) tracerOf(which string) pgx.QueryTracer {
	t := userTracer{d}
	switch which {
	case "":
		return nil
	case "all":
		return t
	case "query":
		return struct{ pgx.QueryTracer }{t}
	case "batch":
		return struct {
			pgx.QueryTracer
			pgx.BatchTracer
		}{t, t}
	case "copy":
		return struct {
			pgx.QueryTracer
			pgx.CopyFromTracer
		}{t, t}
	case "prepare":
		return struct {
			pgx.QueryTracer
			pgx.PrepareTracer
		}{t, t}
	case "connect":
		return struct {
			pgx.QueryTracer
			pgx.ConnectTracer
		}{t, t}
	case "acquire":
		return struct {
			pgx.QueryTracer
			pgxpool.AcquireTracer
		}{t, t}
	case "release":
		return struct {
			pgx.QueryTracer
			pgxpool.ReleaseTracer
		}{t, t}
	}
	panic(fmt.Sprintf("no tracer %q", which))
}
