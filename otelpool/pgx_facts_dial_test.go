package otelpool_test

import (
	"context"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// dialFacts are rows 7 to 9.
var dialFacts = []pgxFact{
	{7, "MinConns dials", func(c *pgxpool.Config) { c.MinConns, c.MinIdleConns = 2, 1 }, func(t *testing.T, f fixture) {
		testutil.Eventually(t, "two are dialed", func() bool { return f.pool.Stat().IdleConns() == 2 })
		m := f.collect(t)
		m.check(t, map[string]int64{"pgxpool.peak": 0})
		m.checkCounts(t, map[string]uint64{"db.client.connection.create_time": 2})
		checkEqual(t, "connect phase of acquires", m.phase(t, "connect"), 0)
	}, counts{opened: 2}},

	{7, "health check replaces a hijacked connection", func(c *pgxpool.Config) { c.MinConns = 1; c.HealthCheckPeriod = 20 * time.Millisecond }, func(t *testing.T, f fixture) {
		testutil.Eventually(t, "one is dialed", func() bool { return f.pool.Stat().IdleConns() == 1 })
		hijack(t, acquire(t, f.pool))
		testutil.Eventually(t, "another is dialed", func() bool { f.collect(t); return f.pool.Stat().IdleConns() == 1 })
	}, counts{ok: 1, opened: 2, hijacked: 1}},

	{8, "canceled during a dial", hooked, canceledWhileDialing(nil), counts{canceled: 1, opened: 1}},

	{8, "canceled during a dial that fails", hooked, canceledWhileDialing(errNotToday), counts{canceled: 1}},

	{8, "deadline during a dial", hooked, func(t *testing.T, f fixture) {
		leave := make(chan struct{})
		defer close(leave)
		ctx := pastContext{context.Background(), make(chan struct{})}
		refuseAcquire(t, f.pool, withHook(ctx, inAfterConnect, func() error { close(ctx.past); <-leave; return nil }), context.DeadlineExceeded)
	}, counts{timeout: 1, opened: 1}},

	{8, "canceled during a ping", pinging, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		refuseAcquire(t, f.pool, withHook(ctx, inShouldPing, func() error { cancel(); return nil }), context.Canceled)
	}, counts{ok: 1, canceled: 1, uses: 1, opened: 1}},

	{8, "reset during the dial of a canceled acquire", hooked, func(t *testing.T, f fixture) {
		dialing, leave := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		context.AfterFunc(ctx, func() { f.pool.Reset(); close(leave) })
		go func() { <-dialing; cancel() }()
		refuseAcquire(t, f.pool, withHook(ctx, inBeforeConnect, func() error { close(dialing); <-leave; return nil }), context.Canceled)
	}, counts{canceled: 1, opened: 1, closed: map[string]int64{"other": 1}}},

	{9, "BeforeConnect fails", hooked, func(t *testing.T, f fixture) {
		refuseAcquire(t, f.pool, withHook(t.Context(), inBeforeConnect, fails), errNotToday)
		connectErrors(t, f, 1)
	}, counts{failed: 1}},

	{9, "AfterConnect fails", hooked, func(t *testing.T, f fixture) {
		refuseAcquire(t, f.pool, withHook(t.Context(), inAfterConnect, fails), errNotToday)
		connectErrors(t, f, 1)
	}, counts{failed: 1}},

	{9, "dials of MinConns fail", func(c *pgxpool.Config) {
		hooked(c)
		c.MinConns = 2
		var dials atomic.Int64
		var both sync.WaitGroup // pgxpool cancels the other as soon as one fails
		both.Add(2)
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { dials.Add(1); return nil }
		c.AfterConnect = func(context.Context, *pgx.Conn) error {
			if dials.Load() <= 2 {
				both.Done()
				both.Wait()
				return errNotToday
			}
			return nil
		}
	}, func(t *testing.T, f fixture) {
		testutil.Eventually(t, "they fail", func() bool { return f.pool.Stat().NewConnsCount() == 2 && f.pool.Stat().TotalConns() == 0 })
		connectErrors(t, f, 2)
	}, counts{}},
}

// pastContext is a context whose deadline passes when the channel is closed.
type pastContext struct {
	context.Context
	past chan struct{}
}

func (c pastContext) Done() <-chan struct{} { return c.past }

func (c pastContext) Err() error {
	select {
	case <-c.past:
		return context.DeadlineExceeded
	default:
		return nil
	}
}

// canceledWhileDialing cancels an acquire before its connect events begin. They begin when the acquire has ended.
func canceledWhileDialing(failure error) func(t *testing.T, f fixture) {
	return func(t *testing.T, f fixture) {
		dialing, leave := make(chan struct{}), make(chan struct{})
		ctx, cancel := context.WithCancel(context.Background())
		defer cancel()
		go func() { <-dialing; cancel() }()
		refuseAcquire(t, f.pool, withHook(ctx, inBeforeConnect, func() error { close(dialing); <-leave; return failure }), context.Canceled)
		before := f.collect(t)
		before.check(t, map[string]int64{pendingRequests: 0, used: 0, "pgxpool.constructing": 1})
		close(leave)
		testutil.Eventually(t, "dialed", func() bool { return f.pool.Stat().ConstructingConns() == 0 && f.pool.Stat().AcquiredConns() == 0 })
		after := f.collect(t)
		for _, name := range phaseNames {
			checkEqual(t, "phase "+name+" after the acquire", after.phase(t, name), before.phase(t, name))
		}
	}
}

// connectErrors checks the number of failed dials, of whatever type: the first of MinConns to fail cancels the others.
func connectErrors(t *testing.T, f fixture, want int64) {
	t.Helper()
	m := f.collect(t)
	var got int64
	for _, key := range m.keys("pgxpool.connections.errors") {
		got += m.value(t, key)
	}
	checkEqual(t, "connect errors", got, want)
}

// closeFacts are rows 6 and 10: the pool closes connections.
var closeFacts = []pgxFact{
	{6, "idle connections are closed", func(c *pgxpool.Config) {
		c.MaxConnIdleTime, c.HealthCheckPeriod = time.Millisecond, 10*time.Millisecond
	}, func(t *testing.T, f fixture) {
		for range 4 {
			warm(t, f, 3)
			for deadline := time.Now().Add(time.Minute); f.pool.Stat().TotalConns() > 0 && time.Now().Before(deadline); {
				f.collect(t) // also between the steps in which pgxpool closes a connection
			}
		}
	}, counts{ok: 12, uses: 12, opened: 12, closed: map[string]int64{"idle": 12}}},

	{6, "the lifetime of new connections has ended", func(c *pgxpool.Config) {
		c.MaxConnLifetime = time.Nanosecond
	}, func(t *testing.T, f fixture) {
		for range 3 {
			if conn, err := f.pool.Acquire(t.Context()); err == nil {
				conn.Release()
				t.Error("acquired")
			}
		}
		f.collect(t).check(t, map[string]int64{"pgxpool.acquires{result=error}": 3, "pgxpool.connections.opened": 12})
	}, counts{failed: 3, opened: 12, closed: map[string]int64{"lifetime": 12}, unusable: true}},

	{10, "reset of idle connections", nil, func(t *testing.T, f fixture) {
		testutil.During(func() {
			for range 12 {
				warm(t, f, 3)
				f.pool.Reset()
				f.collect(t)
			}
		}, func() { f.collect(t) })
	}, counts{ok: 36, uses: 36, opened: 36, closed: map[string]int64{"other": 36}}},

	{10, "reset while held", nil, func(t *testing.T, f fixture) {
		conns := postgrestest.Hold(t, f.pool, 2)
		f.pool.Reset()
		f.collect(t).check(t, map[string]int64{used: 2})
		checkEqual(t, "holders", heldBy(f), "? ?")
		postgrestest.Release(conns)
	}, counts{ok: 2, uses: 2, opened: 2, closed: map[string]int64{"other": 2}}},

	{10, "close while callers hold, wait and dial", func(c *pgxpool.Config) {
		hooked(c)
		c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			if f, ok := ctx.Value(inBeforeConnect).(func(context.Context)); ok {
				f(ctx)
				return errNotToday
			}
			return nil
		}
	}, func(t *testing.T, f fixture) {
		conns := postgrestest.Hold(t, f.pool, 2)
		dialing, closing, leave := make(chan struct{}), make(chan struct{}), make(chan struct{})
		var wg sync.WaitGroup
		wg.Go(func() {
			ctx := context.WithValue(context.Background(), inBeforeConnect, func(ctx context.Context) {
				close(dialing)
				<-ctx.Done() // Close ends it when the pool accepts no more acquires
				close(closing)
				<-leave
			})
			if _, err := f.pool.Acquire(ctx); err == nil {
				t.Error("acquired")
			}
		})
		<-dialing
		wg.Go(func() {
			if _, err := f.pool.Acquire(context.Background()); err == nil {
				t.Error("acquired from a closed pool")
			}
		})
		testutil.Eventually(t, "one waits", func() bool { return f.collect(t).pending(t) == 1 })
		wg.Go(func() { f.pool.Close() })
		<-closing
		refuseAcquire(t, f.pool, canceledAt(context.Background(), time.Millisecond), context.Canceled)
		checkEqual(t, "holders", heldBy(f), "? ?")
		close(leave)
		postgrestest.Release(conns)
		wg.Wait()
		f.collect(t)
	}, counts{ok: 2, canceled: 1, failed: 2, uses: 2, opened: 2, closed: map[string]int64{"other": 2}, unusable: true}},

	{10, "acquire after close", nil, func(t *testing.T, f fixture) {
		warm(t, f, 3)
		f.pool.Close()
		for range 2 {
			if _, err := f.pool.Acquire(context.Background()); err == nil {
				t.Error("acquired from a closed pool")
			}
		}
	}, counts{ok: 3, failed: 2, uses: 3, opened: 3, closed: map[string]int64{"other": 3}, unusable: true}},
}
