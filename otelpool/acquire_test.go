package otelpool_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestFullPoolReportsWaiters has nine callers wait for two connections.
func TestFullPoolReportsWaiters(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	held := acquireAll(t, f.pool)
	var waiters []<-chan error
	began := time.Now()
	for range 9 {
		waiters = append(waiters, acquireAside(f.pool, context.Background()))
	}
	testutil.Eventually(t, "nine callers wait", func() bool {
		m := f.collect(t)
		return m.pending(t) == 9 && m.value(t, "pgxpool.pending.peak") == 9 // the peak is noted after the count
	})
	m := f.collect(t) // begins after all nine, so that they have waited
	m.check(t, map[string]int64{
		used:                   2,
		"pgxpool.peak":         2,
		"pgxpool.pending.peak": 9,
	})
	if got := m.seconds(t, "pgxpool.oldest_wait"); got <= 0 || got > time.Since(began).Seconds() {
		t.Errorf("oldest wait %v s", got)
	}
	postgrestest.Release(held)
	for _, ended := range waiters {
		checkEqual(t, "error of a waiter", <-ended, nil)
	}
	m = f.collect(t)
	m.check(t, map[string]int64{
		pendingRequests:                    0,
		"pgxpool.pending.peak":             9, // still in the window
		"pgxpool.acquires{result=ok}":      11,
		"pgxpool.acquires{result=timeout}": 0,
	})
	checkEqual(t, "oldest wait without a waiter", m.seconds(t, "pgxpool.oldest_wait"), 0)
	if queue, wait := m.phase(t, "queue"), m.sum(waitTime); queue <= 0 || queue > wait {
		t.Errorf("%v s in the queue, of %v s of acquires", queue, wait)
	}
}

// TestPendingExcludesDialsAndHooks collects in each hook, in which an acquire has a slot and is not over.
func TestPendingExcludesDialsAndHooks(t *testing.T) {
	t.Parallel()
	for name, prepare := range map[string]func(*pgxpool.Config){
		"PrepareConn": pinging,
		"BeforeAcquire": func(c *pgxpool.Config) {
			pinging(c)
			c.PrepareConn = nil
			//lint:ignore SA1019 the deprecated hook is tested on purpose
			c.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { return runHook(ctx, inPrepareConn) == nil }
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, prepare)
			for _, hook := range []hookKey{inBeforeConnect, inShouldPing, inPrepareConn} {
				called := false
				acquireWith(t, f.pool, withHook(t.Context(), hook, func() error {
					called = true
					checkEqual(t, "pending in "+string(hook), f.collect(t).pending(t), 0)
					return nil
				})).Release()
				checkEqual(t, string(hook)+" was called", called, true)
			}
		})
	}
}

// TestFailedPingMakesAcquirePendingAgain has a second caller take the slot of an acquire whose ping fails.
func TestFailedPingMakesAcquirePendingAgain(t *testing.T) {
	t.Parallel()
	atPing, goOn := make(chan struct{}), make(chan struct{})
	f := setup(t, 1, pinging)
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()

	ended := acquireAside(f.pool, withHook(context.Background(), inShouldPing, func() error { atPing <- struct{}{}; <-goOn; return nil }))
	<-atPing
	taken := make(chan *pgxpool.Conn)
	go func() {
		conn, err := f.pool.Acquire(context.Background()) // waits, and gets the slot when the ping fails
		if err != nil {
			t.Error(err)
		}
		taken <- conn
	}()
	testutil.Eventually(t, "the second waits", func() bool { return f.collect(t).pending(t) == 1 })
	terminate(t, f, pid)
	goOn <- struct{}{}
	second := <-taken
	testutil.Eventually(t, "the first waits again", func() bool { return f.collect(t).pending(t) == 1 })
	second.Release()
	<-atPing
	goOn <- struct{}{}
	checkEqual(t, "error of the first", <-ended, nil)
	checkEqual(t, "pending at rest", f.collect(t).pending(t), 0)
}

// TestDialAfterFailedPingIsNotPending has the ping of an idle connection fail, after which the acquire dials. The pool
// closes the old connection at the same time, on another goroutine (docs/pgx-facts.md, row 10).
func TestDialAfterFailedPingIsNotPending(t *testing.T) {
	t.Parallel()
	var f fixture
	var broken atomic.Bool
	closed := make(chan struct{}, 1)
	pending := make(chan int64, 1)
	f = setup(t, 4, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
		c.BeforeClose = func(*pgx.Conn) {
			if broken.Load() {
				closed <- struct{}{}
			}
		}
		next := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if broken.Load() {
				<-closed
				pending <- f.collect(t).pending(t)
			}
			return next(ctx, network, addr)
		}
	})
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()
	testutil.Eventually(t, "it is idle", func() bool { return f.pool.Stat().IdleConns() == 1 })
	terminate(t, f, pid)
	broken.Store(true)
	acquire(t, f.pool).Release()
	broken.Store(false)
	checkEqual(t, "pending while it dials", <-pending, 0)
}

func TestPendingCountsWithoutHistograms(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t, sdkmetric.WithView(sdkmetric.NewView(
		sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})))
	f := setup(t, 1, nil, otelpool.WithMeterProvider(tel.provider))
	held := acquire(t, f.pool) // before the first collection
	checkEqual(t, "holds", len(f.inst.Held()), 1)
	ended := acquireAside(f.pool, context.Background())
	testutil.Eventually(t, "one caller waits", func() bool { return tel.collect(t).pending(t) == 1 })
	held.Release()
	checkEqual(t, "error of the waiter", <-ended, nil)
	m := tel.collect(t)
	checkEqual(t, "pending at rest", m.pending(t), 0)
	m.check(t, map[string]int64{"pgxpool.acquires{result=ok}": 2, "pgxpool.connections.opened": 1})
}

func TestPhasesAddUpToWaitTime(t *testing.T) {
	t.Parallel()
	const pause = 20 * time.Millisecond
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { wait(pause); return true }
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(2 * pause); return true, nil }
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(pause); return nil }
		next := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			wait(2 * pause)
			return next(ctx, network, addr)
		}
	})
	var wg sync.WaitGroup
	for range 3 { // one dials, two queue behind it
		wg.Go(func() { f.exec(t, context.Background(), "SELECT 1") })
	}
	wg.Wait()
	m := f.collect(t)
	var total float64
	for _, name := range phaseNames {
		total += m.phase(t, name)
	}
	if all := m.sum(waitTime); total < all*0.999999 || total > all*1.000001 {
		t.Errorf("the phases add up to %v s, the acquires took %v s", total, all)
	}
	for name, least := range map[string]time.Duration{"connect": 3 * pause, "ping": 3 * pause, "prepare": 6 * pause, "queue": 6 * pause} {
		if got := m.phase(t, name); got < least.Seconds() {
			t.Errorf("phase %s is %v s, want at least %v", name, got, least)
		}
	}
	if got := m.sum("db.client.connection.create_time"); got < (2 * pause).Seconds() {
		t.Errorf("create time %v s, want at least %v", got, 2*pause)
	}
}
