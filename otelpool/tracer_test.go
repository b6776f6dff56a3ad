package otelpool_test

import (
	"context"
	"fmt"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// eventCount is a tracer that counts the events of acquires, connects, queries and releases.
type eventCount struct{ atomic.Int64 }

func (n *eventCount) start(ctx context.Context) context.Context { n.Add(1); return ctx }

func (n *eventCount) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return n.start(ctx)
}

func (n *eventCount) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) { n.Add(1) }

func (n *eventCount) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return n.start(ctx)
}

func (n *eventCount) TraceConnectEnd(context.Context, pgx.TraceConnectEndData) { n.Add(1) }

func (n *eventCount) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return n.start(ctx)
}

func (n *eventCount) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {
	n.Add(1)
}

func (n *eventCount) TraceRelease(*pgxpool.Pool, pgxpool.TraceReleaseData) { n.Add(1) }

// noQueries is a tracer of nothing, for others to embed.
type noQueries struct{}

func (noQueries) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (noQueries) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func TestMultitracerMayWrapOtelpool(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		join func(ours pgx.QueryTracer, l *eventCount) pgx.QueryTracer
	}{
		{"otelpool first", func(ours pgx.QueryTracer, l *eventCount) pgx.QueryTracer { return multitracer.New(ours, l) }},
		{"otelpool last", func(ours pgx.QueryTracer, l *eventCount) pgx.QueryTracer { return multitracer.New(l, ours) }},
		{"nested", func(ours pgx.QueryTracer, l *eventCount) pgx.QueryTracer {
			return multitracer.New(l, multitracer.New(ours))
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var l eventCount
			tel := newTelemetry(t)
			config := parse(t, database(t))
			inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
			config.ConnConfig.Tracer = tt.join(config.ConnConfig.Tracer, &l)
			pool := newPool(t, config)
			register(t, inst, pool)
			execute(t, pool, t.Context(), "SELECT 1")
			m := tel.collect(t)
			m.checkCounts(t, map[string]uint64{operationKey("SELECT", ""): 1, waitTime: 1, useTime + "{db.query.summary=SELECT}": 1, "db.client.connection.create_time": 1})
			checkEqual(t, "pending", m.pending(t), 0)
			checkEqual(t, "events of the other tracer", l.Load(), 7)
		})
	}
}

// nextTracer is a user's tracer that names the next one, itself.
type nextTracer struct{ pgx.QueryTracer }

func (n nextTracer) Next() pgx.QueryTracer { return n }

func TestTracerThatNamesItselfIsAccepted(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	config.ConnConfig.Tracer = nextTracer{}
	if _, err := otelpool.Instrument(config); err != nil {
		t.Error(err)
	}
}

// TestTwoInstrumentationsShareConnection joins the tracers of two configurations, so that both see each event of one
// connection. What they record is undefined, but no call of the program fails.
func TestTwoInstrumentationsShareConnection(t *testing.T) {
	t.Parallel()
	first, second := parse(t, database(t)), parse(t, "host=localhost")
	for _, config := range []*pgxpool.Config{first, second} {
		inst := instrument(t, config, otelpool.WithMeterProvider(newTelemetry(t).provider), otelpool.WithLongHold(time.Millisecond))
		defer func() { _ = inst.Unregister() }()
	}
	first.ConnConfig.Tracer = multitracer.New(first.ConnConfig.Tracer, second.ConnConfig.Tracer)
	pool := newPool(t, first)
	for i := range 5 {
		ctx := otelpool.WithOperation(t.Context(), fmt.Sprint("operation ", i))
		execute(t, pool, ctx, fmt.Sprintf("SELECT pg_sleep(0.002) FROM generate_series(1, %d)", i))
	}
}

// panicking is a tracer that panics at starts, and at ends of successful acquires, as often as the numbers say.
type panicking struct {
	noQueries
	atStart, atEnd *atomic.Int64
}

func panicOnce(left *atomic.Int64) {
	if left != nil && left.Load() > 0 {
		left.Add(-1)
		panic("mine")
	}
}

func (p panicking) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	panicOnce(p.atStart)
	return ctx
}

func (p panicking) TraceAcquireEnd(_ context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Conn != nil {
		panicOnce(p.atEnd)
	}
}

// TestPanicOfJoinedTracerLeavesNoWaiter joins a tracer behind otelpool's. If it panics, pgxpool does not end the acquire.
func TestPanicOfJoinedTracerLeavesNoWaiter(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
	var left atomic.Int64
	left.Store(3)
	config.ConnConfig.Tracer = multitracer.New(config.ConnConfig.Tracer, panicking{atStart: &left})
	pool := newPool(t, config)
	t.Cleanup(func() { postgrestest.ClosePool(t, pool); _ = inst.Unregister() })
	register(t, inst, pool)
	for range 3 {
		if recovering(func() { _, _ = pool.Acquire(t.Context()) }) == nil {
			t.Fatal("no panic")
		}
	}
	acquire(t, pool).Release()
	testutil.Eventually(t, "no caller waits", func() bool {
		runtime.GC()
		return tel.collect(t).pending(t) == 0
	})
	m := tel.collect(t)
	checkEqual(t, "oldest wait", m.seconds(t, "pgxpool.oldest_wait"), 0)
	m.check(t, map[string]int64{"pgxpool.acquires{result=ok}": 1})
}
