package otelpool_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// panicsAtStart is a tracer that panics at the start of an acquire, as often as left says.
type panicsAtStart struct {
	pgx.QueryTracer
	left *atomic.Int64
}

func (p panicsAtStart) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	if p.left.Add(-1) >= 0 {
		panic("mine")
	}
	return ctx
}

func (panicsAtStart) TraceAcquireEnd(context.Context, *pgxpool.Pool, pgxpool.TraceAcquireEndData) {}

// TestPanicOfJoinedTracerLeavesNoWaiter joins a tracer behind otelpool's. If it panics, pgxpool does not end the acquire.
func TestPanicOfJoinedTracerLeavesNoWaiter(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider), otelpool.WithPoolName("test"))
	var left atomic.Int64
	left.Store(3)
	config.ConnConfig.Tracer = multitracer.New(config.ConnConfig.Tracer, panicsAtStart{new(eventLog), &left})
	pool := newPool(t, config)
	t.Cleanup(func() { closePool(t, pool); _ = inst.Unregister() })
	register(t, inst, pool)
	for range 3 {
		if recovering(func() { _, _ = pool.Acquire(t.Context()) }) == nil {
			t.Fatal("no panic")
		}
	}
	acquire(t, pool).Release()
	testutil.Eventually(t, "nobody waits", func() bool {
		runtime.GC()
		return tel.collect(t).pending(t) == 0
	})
	m := tel.collect(t)
	checkEqual(t, "oldest wait", m.seconds(t, "pgxpool.oldest_wait"), 0)
	m.check(t, map[string]int64{"pgxpool.acquires{result=ok}": 1})
}
