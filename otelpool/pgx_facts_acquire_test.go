package otelpool_test

import (
	"context"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// acquireFacts are rows 1 to 3.
var acquireFacts = []pgxFact{
	{1, "acquires succeed, time out, are canceled and fail", hooked, func(t *testing.T, f fixture) {
		ctx := context.Background()
		conns := acquireAll(t, f.pool)
		late, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		refuseAcquire(t, f.pool, late, context.DeadlineExceeded)
		refuseAcquire(t, f.pool, late, context.DeadlineExceeded) // the deadline has passed before
		canceled, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		refuseAcquire(t, f.pool, canceled, context.Canceled)
		refuseAcquire(t, f.pool, canceled, context.Canceled)
		postgrestest.Release(conns)
		refuseAcquire(t, f.pool, withHook(ctx, inPrepareConn, fails), errNotToday)
	}, counts{ok: 3, timeout: 2, canceled: 2, failed: 1, uses: 3, opened: 3}},

	{1, "PrepareConn refuses two connections", hooked, func(t *testing.T, f fixture) {
		var calls int
		ctx := withHook(context.Background(), inPrepareConn, func() error {
			if calls++; calls <= 2 {
				return errRefused
			}
			return nil
		})
		conn := acquireWith(t, f.pool, ctx)
		m := f.collect(t)
		if m.value(t, used) < 1 { // those refused may count while the pool closes them
			t.Errorf("%d in use", m.value(t, used))
		}
		checkEqual(t, "pending", m.pending(t), 0)
		conn.Release()
		refuseAcquire(t, f.pool, withHook(ctx, inPrepareConn, func() error { calls++; return errNotToday }), errNotToday)
	}, counts{ok: 1, failed: 1, uses: 1, opened: 3, closed: map[string]int64{"other": 2}}},

	{1, "PrepareConn refuses all connections", hooked, func(t *testing.T, f fixture) {
		if conn, err := f.pool.Acquire(withHook(t.Context(), inPrepareConn, refuses)); err == nil {
			conn.Release()
			t.Error("acquired")
		}
	}, counts{failed: 1, opened: 4, closed: map[string]int64{"other": 4}}},

	{1, "an acquire whose connection is refused waits again", hooked, func(t *testing.T, f fixture) {
		held := postgrestest.Hold(t, f.pool, 2)
		pending := func() int64 { return f.collect(t).pending(t) }
		other, again, refused := make(chan *pgxpool.Conn), make(chan *pgxpool.Conn), false
		get := func(ctx context.Context, to chan<- *pgxpool.Conn) {
			conn, err := f.pool.Acquire(ctx)
			if err != nil {
				t.Error(err)
			}
			to <- conn
		}
		ctx := withHook(context.Background(), inPrepareConn, func() error {
			if refused {
				return nil
			}
			refused = true
			go get(context.Background(), other)
			for range 10_000 { // until get waits for this slot; if it never does, the test fails below
				if pending() == 1 {
					break
				}
				wait(time.Millisecond)
			}
			return errRefused
		})
		go get(ctx, again)
		held = append(held, <-other)
		testutil.Eventually(t, "the refused acquire waits", func() bool { return pending() == 1 })
		postgrestest.Release(held)
		(<-again).Release()
	}, counts{ok: 4, uses: 4, opened: 4, closed: map[string]int64{"other": 1}}},

	{2, "PrepareConn panics", hooked, func(t *testing.T, f fixture) {
		other := acquire(t, f.pool)
		got := recovering(func() { _, _ = f.pool.Acquire(withHook(context.Background(), inPrepareConn, panics)) })
		checkEqual(t, "recovered", got, any("mine"))
		f.collect(t).check(t, map[string]int64{used: 2, "pgxpool.peak": 2, pendingRequests: 0})
		checkEqual(t, "holders", heldBy(f), "?")
		other.Release()
	}, counts{ok: 1, failed: 1, uses: 1, opened: 2, leaked: 1}},

	{2, "BeforeAcquire panics", func(c *pgxpool.Config) {
		//lint:ignore SA1019 the deprecated hook is tested on purpose
		c.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { return runHook(ctx, inPrepareConn) == nil }
	}, func(t *testing.T, f fixture) {
		recovering(func() { _, _ = f.pool.Acquire(withHook(context.Background(), inPrepareConn, panics)) })
	}, counts{failed: 1, opened: 1, leaked: 1}},

	{2, "ShouldPing panics", pinging, func(t *testing.T, f fixture) {
		recovering(func() { _, _ = f.pool.Acquire(withHook(context.Background(), inShouldPing, panics)) })
	}, counts{failed: 1, opened: 1, leaked: 1}},

	{3, "second release", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		conn.Release()
		other := acquire(t, f.pool) // the same connection
		conn.Release()
		checkEqual(t, "holders", heldBy(f), "?")
		other.Release()
	}, counts{ok: 2, uses: 2, opened: 1}},

	{3, "released in a transaction", nil, func(t *testing.T, f fixture) {
		releaseInTransaction(t, f.pool)
	}, counts{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"in_transaction": 1}}},

	{3, "AfterRelease runs after the hold", func(c *pgxpool.Config) {
		c.AfterRelease = func(conn *pgx.Conn) bool { afterRelease(conn); return false }
	}, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		running, leave := make(chan struct{}), make(chan struct{})
		conn.Conn().PgConn().CustomData()["test"] = func() { close(running); <-leave }
		conn.Release()
		<-running
		m := f.collect(t)
		m.check(t, map[string]int64{used: 1, "pgxpool.peak": 1})
		checkEqual(t, "oldest hold", m.seconds(t, "pgxpool.oldest_hold"), 0)
		checkEqual(t, "holders", heldBy(f), "")
		close(leave)
	}, counts{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"other": 1}}},
}

// allIdleFacts are row 5: releases without an acquire.
var allIdleFacts = []pgxFact{
	{5, "released after queries", nil, func(t *testing.T, f fixture) {
		warm(t, f, 2)
		awaitCalm(t, f, 0)
		conns := f.pool.AcquireAllIdle(t.Context())
		f.collect(t).check(t, map[string]int64{used: 2, "pgxpool.peak": 2})
		checkEqual(t, "holders", heldBy(f), "")
		for _, conn := range conns {
			execute(t, conn, t.Context(), "SELECT 1")
			conn.Release()
		}
	}, counts{ok: 2, uses: 2, opened: 2}},

	{5, "taken while others hold and wait", nil, func(t *testing.T, f fixture) {
		warm(t, f, factConns)
		awaitCalm(t, f, 0)
		conn := acquire(t, f.pool)
		taken := f.pool.AcquireAllIdle(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { f.exec(t, context.Background(), "SELECT 1") })
		}
		testutil.Eventually(t, "two wait", func() bool { return f.collect(t).pending(t) == 2 })
		f.collect(t).check(t, map[string]int64{used: factConns, "pgxpool.peak": factConns})
		checkEqual(t, "holders", heldBy(f), "?")
		testutil.Eventually(t, "the peak shows them", func() bool { return f.collect(t).value(t, "pgxpool.pending.peak") == 2 })
		postgrestest.Release(append(taken, conn))
		wg.Wait()
	}, counts{ok: 6, uses: 6, opened: 3}},

	{5, "refused by PrepareConn", hooked, func(t *testing.T, f fixture) {
		warm(t, f, 3)
		checkEqual(t, "acquired", len(f.pool.AcquireAllIdle(withHook(t.Context(), inPrepareConn, refuses))), 0)
	}, counts{ok: 3, uses: 3, opened: 3, closed: map[string]int64{"other": 3}}},

	{5, "PrepareConn panics", hooked, func(t *testing.T, f fixture) {
		warm(t, f, 2)
		recovering(func() { f.pool.AcquireAllIdle(withHook(t.Context(), inPrepareConn, panics)) })
	}, counts{ok: 2, uses: 2, opened: 2, leaked: 2, unusable: true}}, // otelpool cannot know how many are lost

	{5, "released in a transaction", nil, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			begin(t, conn, t.Context())
			conn.Release()
		}
	}, counts{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"in_transaction": 1}}},
}
