package otelpool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
)

// atRest checks the gauges of a pool that nobody uses.
func atRest(t testing.TB, f fixture, leaked int64) {
	t.Helper()
	m := f.collect(t)
	for key, want := range map[string]int64{
		"db.client.connection.pending_requests": 0,
		used:                                    leaked,
		"pgxpool.constructing":                  0,
		idle:                                    int64(f.pool.Stat().IdleConns()),
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("at rest %s is %d, want %d", key, got, want)
		}
	}
	for _, key := range []string{"pgxpool.oldest_wait", "pgxpool.oldest_hold"} {
		if got := m.seconds(t, key); got != 0 {
			t.Errorf("at rest %s is %v s", key, got)
		}
	}
	if held := heldBy(f); held != "" {
		t.Errorf("at rest held by %s", held)
	}
	awaitCalm(t, f, leaked)
}

// awaitCalm waits until what was has left the window of the peaks.
func awaitCalm(t testing.TB, f fixture, leaked int64) {
	t.Helper()
	eventually(t, "peaks of a pool at rest", func() bool {
		m := f.collect(t)
		return m.value(t, "pgxpool.peak") == leaked && m.value(t, "pgxpool.pending.peak") == 0
	})
}

// stillCounts uses all free connections of a pool at rest, in ways whose numbers are known. What drifted before, unseen
// at rest, shows here.
func stillCounts(t testing.TB, f fixture, free, leaked int64) {
	t.Helper()
	all := func() (conns []*pgxpool.Conn) {
		for range free {
			conn, err := f.pool.Acquire(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		return conns
	}
	give := func(conns []*pgxpool.Conn) (m metrics) {
		for _, conn := range conns {
			conn.Release()
		}
		// One that the pool is closing counts as acquired, so that these are the metrics to look at.
		eventually(t, "all are back", func() bool { m = f.collect(t); return m.value(t, used) == leaked })
		return m
	}
	check := func(when string, m metrics, want map[string]int64) {
		t.Helper()
		for key, n := range want {
			if got := m.value(t, key); got != n {
				t.Errorf("%s %s is %d, want %d", when, key, got, n)
			}
		}
	}
	var m metrics
	inWindow(func() (spike time.Time) {
		conns := all()
		spike = time.Now()
		m = give(conns)
		return spike
	})
	check("after a spike", m, map[string]int64{"pgxpool.peak": free + leaked, "pgxpool.pending.peak": 0})

	conns := all()
	defer func() { give(conns) }()
	check("when full", f.collect(t), map[string]int64{"pgxpool.peak": free + leaked, "pgxpool.pending.peak": 0, used: free + leaked})
	if held := f.inst.Held(); int64(len(held)) != free {
		t.Errorf("%d held, want %d: %s", len(held), free, heldBy(f))
	}
	inWindow(func() (spike time.Time) {
		spike = time.Now()
		ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
		defer cancel()
		if _, err := f.pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("acquire from a full pool: %v", err)
		}
		m = f.collect(t)
		return spike
	})
	check("after a wait", m, map[string]int64{"pgxpool.peak": free + leaked, "pgxpool.pending.peak": 1, "db.client.connection.pending_requests": 0})
}
