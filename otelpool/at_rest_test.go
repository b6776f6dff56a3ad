package otelpool_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// atRest checks the gauges of a pool that is not in use. leaked is the number of slots that pgx has lost.
func atRest(t testing.TB, f fixture, leaked int64) {
	t.Helper()
	m := f.collect(t)
	m.check(t, map[string]int64{
		pendingRequests:        0,
		used:                   leaked,
		"pgxpool.constructing": 0,
		idle:                   int64(f.pool.Stat().IdleConns()),
	})
	for _, key := range []string{"pgxpool.oldest_wait", "pgxpool.oldest_hold"} {
		checkEqual(t, key+" at rest", m.seconds(t, key), 0)
	}
	for _, key := range m.keys("pgxpool.held{") {
		checkEqual(t, key+" at rest", m.value(t, key), 0)
	}
	checkEqual(t, "holders at rest", heldBy(f), "")
	awaitCalm(t, f, leaked)
}

// awaitCalm waits until earlier spikes have left the window of the peaks.
func awaitCalm(t testing.TB, f fixture, leaked int64) {
	t.Helper()
	testutil.Eventually(t, "peaks of a pool at rest", func() bool {
		m := f.collect(t)
		return m.value(t, "pgxpool.peak") == leaked && m.value(t, "pgxpool.pending.peak") == 0
	})
}

// stillCounts uses all free connections of a pool at rest, in ways whose numbers are known. Errors that do not show at
// rest show here.
func stillCounts(t testing.TB, f fixture, free, leaked int64) {
	t.Helper()
	give := func(conns []*pgxpool.Conn) (m metrics) {
		postgrestest.Release(conns)
		// A connection that the pool is closing counts as used, so the metrics of this moment are the ones to judge.
		testutil.Eventually(t, "all are released", func() bool { m = f.collect(t); return m.value(t, used) == leaked })
		return m
	}
	var m metrics
	// An acquire that has a slot but no processor seems to wait. So what a stalled machine does is done again, when its
	// peak is over. What otelpool does would show each time.
	again := func(do func(), undo func()) {
		for range 10 {
			if do(); m.value(t, "pgxpool.pending.peak") == 0 {
				return
			}
			undo()
			awaitCalm(t, f, leaked)
		}
		do()
	}
	again(func() {
		inWindow(func() (spike time.Time) {
			conns := postgrestest.Hold(t, f.pool, int(free))
			spike = time.Now()
			m = give(conns)
			return spike
		})
	}, func() {})
	checkEqual(t, "peak after a spike", m.value(t, "pgxpool.peak"), free+leaked)
	checkEqual(t, "peak of pending after a spike", m.value(t, "pgxpool.pending.peak"), 0)

	var conns []*pgxpool.Conn
	again(func() {
		conns = postgrestest.Hold(t, f.pool, int(free))
		m = f.collect(t)
	}, func() { postgrestest.Release(conns) })
	defer func() { give(conns) }()
	checkEqual(t, "peak when full", m.value(t, "pgxpool.peak"), free+leaked)
	checkEqual(t, "peak of pending when full", m.value(t, "pgxpool.pending.peak"), 0)
	checkEqual(t, "used when full", m.value(t, used), free+leaked)
	checkEqual(t, "holds when full", int64(len(f.inst.Held())), free)
	inWindow(func() (spike time.Time) {
		spike = time.Now()
		timeOut(t, f.pool, context.Background(), 20*time.Millisecond)
		m = f.collect(t)
		return spike
	})
	checkEqual(t, "peak after a wait", m.value(t, "pgxpool.peak"), free+leaked)
	checkEqual(t, "peak of pending after a wait", m.value(t, "pgxpool.pending.peak"), 1)
	checkEqual(t, "pending after a wait", m.pending(t), 0)
}
