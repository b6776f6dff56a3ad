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

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestFullPoolReportsWaiters has nine callers wait for two connections.
func TestFullPoolReportsWaiters(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	held := acquireAll(t, f.pool)
	var wg sync.WaitGroup
	began := time.Now()
	for range 9 {
		wg.Go(func() {
			conn, err := f.pool.Acquire(context.Background())
			if err != nil {
				t.Error(err)
				return
			}
			conn.Release()
		})
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
	releaseAll(held)
	wg.Wait()
	m = f.collect(t)
	m.check(t, map[string]int64{
		pendingRequests:                    0,
		"pgxpool.pending.peak":             9, // still in the window
		"pgxpool.acquires{result=ok}":      11,
		"pgxpool.acquires{result=timeout}": 0,
	})
	checkEqual(t, "oldest wait when nobody waits", m.seconds(t, "pgxpool.oldest_wait"), 0)
	if queue, wait := m.phase(t, "queue"), m.sum(waitTime); queue <= 0 || queue > wait {
		t.Errorf("%v s in the queue, of %v s of acquires", queue, wait)
	}
}

// TestPendingExcludesDialsAndHooks looks while an acquire has a slot and is not over.
func TestPendingExcludesDialsAndHooks(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		block func(c *pgxpool.Config, wait func())
	}{
		{"dialing", func(c *pgxpool.Config, wait func()) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(); return nil }
		}},
		{"pinging", func(c *pgxpool.Config, wait func()) {
			c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { wait(); return false }
		}},
		{"preparing", func(c *pgxpool.Config, wait func()) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(); return true, nil }
		}},
		{"preparing, by the deprecated hook", func(c *pgxpool.Config, wait func()) {
			//lint:ignore SA1019 the deprecated hook is tested on purpose
			c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { wait(); return true }
		}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			entered, leave := make(chan struct{}), make(chan struct{})
			f := setup(t, 2, func(c *pgxpool.Config) {
				tt.block(c, func() {
					entered <- struct{}{}
					<-leave
				})
			})
			ended := make(chan error, 1)
			go func() {
				conn, err := f.pool.Acquire(context.Background())
				if err == nil {
					conn.Release()
				}
				ended <- err
			}()
			<-entered
			checkEqual(t, "pending", f.collect(t).pending(t), 0)
			close(leave)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		})
	}
}

// TestFailedPingMakesAcquirePendingAgain has a second caller take the slot of an acquire whose ping fails.
func TestFailedPingMakesAcquirePendingAgain(t *testing.T) {
	t.Parallel()
	type mark struct{}
	pinging, goOn := make(chan struct{}), make(chan struct{})
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
			if ctx.Value(mark{}) == nil {
				return false
			}
			pinging <- struct{}{}
			<-goOn
			return true
		}
	})
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()

	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if conn, err := f.pool.Acquire(context.WithValue(context.Background(), mark{}, true)); err == nil {
			conn.Release()
		}
	}()
	<-pinging
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
	<-pinging
	goOn <- struct{}{}
	<-ended
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

// TestPendingCountsWithoutHistograms has a View that drops all histograms.
func TestPendingCountsWithoutHistograms(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	drop := sdkmetric.NewView(sdkmetric.Instrument{Kind: sdkmetric.InstrumentKindHistogram}, sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})
	tel := telemetry{reader, sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithView(drop))}
	config := parse(t, database(t))
	config.MaxConns = 1
	pool, inst := newInstrumented(t, config, otelpool.WithMeterProvider(tel.provider))
	held := acquire(t, pool) // before the first collection
	checkEqual(t, "holds", len(inst.Held()), 1)
	done := make(chan struct{})
	go func() {
		defer close(done)
		if conn, err := pool.Acquire(context.Background()); err == nil {
			conn.Release()
		}
	}()
	testutil.Eventually(t, "one caller waits", func() bool { return tel.collect(t).pending(t) == 1 })
	held.Release()
	<-done
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
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(3 * pause); return nil }
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
}

func TestSlowDialCountsAsConnectPhase(t *testing.T) {
	t.Parallel()
	const delay = 80 * time.Millisecond
	var dials time.Time
	f := setup(t, 1, func(c *pgxpool.Config) {
		next := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			wait(delay)
			return next(ctx, network, addr)
		}
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { dials = time.Now(); return nil }
	})
	began := time.Now()
	f.exec(t, t.Context(), "SELECT 1")
	m := f.collect(t)
	if got := m.phase(t, "connect"); got < delay.Seconds() {
		t.Errorf("connect phase %v s, want at least %v", got, delay)
	}
	if got, most := m.phase(t, "queue"), dials.Sub(began); got > most.Seconds() {
		t.Errorf("queue phase %v s, though the acquire dialed after %v", got, most)
	}
	if got := m.sum("db.client.connection.create_time"); got < delay.Seconds() {
		t.Errorf("create time %v s, want at least %v", got, delay)
	}
}

// TestHookMayUseAnotherPool queries a second pool, which is not measured, in a hook of the first.
func TestHookMayUseAnotherPool(t *testing.T) {
	t.Parallel()
	inner := sized(t, otelpool.Sizing{PoolSize: 1}, nil)
	unregister(t, inner.inst)
	outer := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: time.Minute}, func(c *pgxpool.Config) {
		c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			_, err := inner.pool.Exec(ctx, "SELECT 1")
			return err
		}
	})
	acquire(t, outer.pool).Release()
	m := outer.collect(t)
	var phases float64
	for _, name := range phaseNames {
		phases += m.phase(t, name)
	}
	if wait := m.sum(waitTime); phases < 0.999*wait || phases > 1.001*wait {
		t.Errorf("the phases add up to %v s, the acquire took %v s", phases, wait)
	}
}
