package hostile

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// hook is a hook or tracer method of the user's that pgx calls.
type hook string

// callerHooks run on the goroutine that uses the pool.
var callerHooks = []hook{
	"TraceAcquireStart", "TraceAcquireEnd", "TraceRelease", "TraceQueryStart", "TraceQueryEnd", "TraceBatchStart", "TraceBatchQuery",
	"TraceBatchEnd", "TraceCopyFromStart", "TraceCopyFromEnd", "TracePrepareStart", "TracePrepareEnd", "ShouldPing", "PrepareConn", "BeforeAcquire",
}

// poolHooks run on goroutines of the pool.
var poolHooks = []hook{"TraceConnectStart", "TraceConnectEnd", "BeforeConnect", "AfterConnect", "AfterRelease", "BeforeClose"}

// misbehave sets the hook of that name to one that calls bad.
func misbehave(config *pgxpool.Config, name hook, bad func(context.Context)) {
	config.ConnConfig.Tracer = &badTracer{name, bad}
	switch name {
	case "ShouldPing":
		config.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool { bad(ctx); return true }
	case "PrepareConn":
		config.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) { bad(ctx); return true, nil }
	case "BeforeAcquire":
		//lint:ignore SA1019 deprecated, but run
		config.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { bad(ctx); return true }
	case "BeforeConnect":
		config.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error { bad(ctx); return nil }
	case "AfterConnect":
		config.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error { bad(ctx); return nil }
	case "AfterRelease":
		config.AfterRelease = func(*pgx.Conn) bool { bad(context.Background()); return true }
	case "BeforeClose":
		config.BeforeClose = func(*pgx.Conn) { bad(context.Background()) }
	}
}

// badTracer is a user's tracer with one bad method.
type badTracer struct {
	name hook
	bad  func(context.Context)
}

func (b *badTracer) call(ctx context.Context, name hook) context.Context {
	if name == b.name {
		b.bad(ctx)
	}
	return ctx
}

func (b *badTracer) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return b.call(ctx, "TraceAcquireStart")
}
func (b *badTracer) TraceAcquireEnd(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireEndData) {
	b.call(ctx, "TraceAcquireEnd")
}
func (b *badTracer) TraceRelease(*pgxpool.Pool, pgxpool.TraceReleaseData) {
	b.call(context.Background(), "TraceRelease")
}
func (b *badTracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return b.call(ctx, "TraceConnectStart")
}
func (b *badTracer) TraceConnectEnd(ctx context.Context, _ pgx.TraceConnectEndData) {
	b.call(ctx, "TraceConnectEnd")
}
func (b *badTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return b.call(ctx, "TraceQueryStart")
}
func (b *badTracer) TraceQueryEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryEndData) {
	b.call(ctx, "TraceQueryEnd")
}
func (b *badTracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchStartData) context.Context {
	return b.call(ctx, "TraceBatchStart")
}
func (b *badTracer) TraceBatchQuery(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchQueryData) {
	b.call(ctx, "TraceBatchQuery")
}
func (b *badTracer) TraceBatchEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceBatchEndData) {
	b.call(ctx, "TraceBatchEnd")
}
func (b *badTracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromStartData) context.Context {
	return b.call(ctx, "TraceCopyFromStart")
}
func (b *badTracer) TraceCopyFromEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TraceCopyFromEndData) {
	b.call(ctx, "TraceCopyFromEnd")
}
func (b *badTracer) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	return b.call(ctx, "TracePrepareStart")
}
func (b *badTracer) TracePrepareEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareEndData) {
	b.call(ctx, "TracePrepareEnd")
}
