package otelpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// hooks is the tracer of an instrumented pool. It implements all seven of pgx's tracer interfaces and passes every
// event on to the tracer that the configuration had before, for each interface that one has. A start goes to that
// tracer first and an end last, so that both see the events nested as without the other.
type hooks struct {
	recorder *recorder
	next     tracers
}

var _ tracer = (*hooks)(nil)

// install puts the hooks into config, around those that are there.
func install(config *pgxpool.Config, r *recorder) *hooks {
	h := &hooks{recorder: r, next: tracersOf(config.ConnConfig.Tracer)}
	config.ConnConfig.Tracer = h

	config.ShouldPing = r.shouldPing(config.ShouldPing)
	config.BeforeConnect = r.beforeConnect(config.BeforeConnect)
	config.AfterConnect = r.afterConnect(config.AfterConnect)
	config.BeforeClose = r.beforeClose(config.BeforeClose)
	if prepareConn := prepareConnOf(config); prepareConn != nil {
		config.PrepareConn = r.prepareConn(prepareConn)
	}
	return h
}

// prepareConnOf gives the hook that pgxpool would run, be it the deprecated one.
func prepareConnOf(config *pgxpool.Config) func(context.Context, *pgx.Conn) (bool, error) {
	//lint:ignore SA1019 deprecated, but run by pgxpool where PrepareConn is not set
	beforeAcquire := config.BeforeAcquire
	if config.PrepareConn != nil || beforeAcquire == nil {
		return config.PrepareConn
	}
	return func(ctx context.Context, conn *pgx.Conn) (bool, error) { return beforeAcquire(ctx, conn), nil }
}

// shouldPing wraps the hook that pgxpool calls as soon as an acquire has been handed a connection. One that is neither
// pinged nor prepared is the caller's at once, and nothing need be noted here.
func (r *recorder) shouldPing(next func(context.Context, pgxpool.ShouldPingParams) bool) func(context.Context, pgxpool.ShouldPingParams) bool {
	return func(ctx context.Context, params pgxpool.ShouldPingParams) bool {
		pings := next == nil && params.IdleDuration > time.Second // what pgxpool does without a hook
		if next == nil && !pings {
			return false
		}
		a := r.acquireOf(ctx)
		var from int64
		if a != nil {
			from = r.enter(a, pingPhase)
		}
		if next != nil {
			pings = next(ctx, params)
		}
		if pings && a != nil {
			s := r.stateOf(params.Conn)
			s.pingedAt.Store(from)
			s.pinged.Store(a)
		}
		return pings
	}
}

// beforeConnect wraps the hook that is called when an acquire has a place in the pool and goes on to dial.
func (r *recorder) beforeConnect(next func(context.Context, *pgx.ConnConfig) error) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, config *pgx.ConnConfig) error {
		r.dialing(ctx)
		if next == nil {
			return nil
		}
		err := next(ctx, config)
		if err != nil {
			r.conns.failed(err)
		}
		return err
	}
}

// afterConnect wraps the hook that has the last word on a new connection.
func (r *recorder) afterConnect(next func(context.Context, *pgx.Conn) error) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, conn *pgx.Conn) error {
		if next != nil {
			if err := next(unnamed(ctx), conn); err != nil {
				r.conns.failed(err)
				return err
			}
		}
		r.connected(conn)
		return nil
	}
}

// beforeClose wraps the hook that is called when the pool closes a connection, whatever the reason.
func (r *recorder) beforeClose(next func(*pgx.Conn)) func(*pgx.Conn) {
	return func(conn *pgx.Conn) {
		r.closing(conn)
		if next != nil {
			next(conn)
		}
	}
}

// prepareConn wraps the hook that may refuse a connection, after which the acquire waits for another.
func (r *recorder) prepareConn(next func(context.Context, *pgx.Conn) (bool, error)) func(context.Context, *pgx.Conn) (bool, error) {
	return func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		a := r.acquireOf(ctx)
		var from int64
		if a != nil {
			from = r.enter(a, preparePhase)
		}
		ok, err := next(unnamed(ctx), conn)
		if a != nil && !ok && err == nil {
			r.requeue(a, from)
		}
		return ok, err
	}
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (h *hooks) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	ctx = h.next.TraceAcquireStart(ctx, pool, data)
	return h.recorder.acquireStart(ctx)
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (h *hooks) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if h.recorder.live.Load() { // looked at before the call, which else is most of the cost of a no-op provider
		h.recorder.acquireEnd(ctx, data.Conn, data.Err)
	}
	h.next.TraceAcquireEnd(ctx, pool, data)
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (h *hooks) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if h.recorder.live.Load() {
		h.recorder.release(data.Conn)
	}
	h.next.TraceRelease(pool, data)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (h *hooks) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	ctx = h.next.TraceConnectStart(ctx, data)
	return h.recorder.connectStart(ctx)
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (h *hooks) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	h.recorder.connectEnd(ctx, data.Err)
	h.next.TraceConnectEnd(ctx, data)
}

// TraceQueryStart implements pgx.QueryTracer.
func (h *hooks) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	if h.next.query != nil { // what is called for nothing costs as much as the rest, where there is nobody to record for
		ctx = h.next.query.TraceQueryStart(ctx, conn, data)
	}
	h.recorder.queryStart(ctx, conn, data.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (h *hooks) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	if h.recorder.live.Load() {
		h.recorder.queryEnd(ctx, conn, &data)
	}
	if h.next.query != nil {
		h.next.query.TraceQueryEnd(ctx, conn, data)
	}
}

// TraceBatchStart implements pgx.BatchTracer.
func (h *hooks) TraceBatchStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	ctx = h.next.TraceBatchStart(ctx, conn, data)
	return h.recorder.batchStart(ctx, conn, data.Batch)
}

// TraceBatchQuery implements pgx.BatchTracer. A batch is one operation, so its queries are not recorded.
func (h *hooks) TraceBatchQuery(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchQueryData) {
	h.next.TraceBatchQuery(ctx, conn, data)
}

// TraceBatchEnd implements pgx.BatchTracer.
func (h *hooks) TraceBatchEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceBatchEndData) {
	h.recorder.batchEnd(ctx, conn, data.Err)
	h.next.TraceBatchEnd(ctx, conn, data)
}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (h *hooks) TraceCopyFromStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	ctx = h.next.TraceCopyFromStart(ctx, conn, data)
	h.recorder.copyStart(ctx, conn, data.TableName)
	return ctx
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (h *hooks) TraceCopyFromEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceCopyFromEndData) {
	h.recorder.callEnd(ctx, conn, copyCall, data.Err)
	h.next.TraceCopyFromEnd(ctx, conn, data)
}

// TracePrepareStart implements pgx.PrepareTracer.
func (h *hooks) TracePrepareStart(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareStartData) context.Context {
	ctx = h.next.TracePrepareStart(ctx, conn, data)
	h.recorder.prepareStart(ctx, conn, data.Name, data.SQL)
	return ctx
}

// TracePrepareEnd implements pgx.PrepareTracer.
func (h *hooks) TracePrepareEnd(ctx context.Context, conn *pgx.Conn, data pgx.TracePrepareEndData) {
	h.recorder.prepareEnd(ctx, conn, data.AlreadyPrepared, data.Err)
	h.next.TracePrepareEnd(ctx, conn, data)
}
