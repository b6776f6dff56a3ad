package otelpool_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	used = "db.client.connection.count{db.client.connection.state=used}"
	idle = "db.client.connection.count{db.client.connection.state=idle}"
)

func TestGaugesEqualStatAtQuietMomentsAndKeepTheirIdentitiesUnderLoad(t *testing.T) {
	t.Parallel()
	f := setup(t, 7, func(c *pgxpool.Config) { c.MinIdleConns = 2 }, otelpool.WithBaseSize(3))
	for range 5 {
		work := load(f.pool, 20, 30)
		for done := false; !done; {
			select {
			case <-work:
				done = true
			default:
			}
			checkIdentities(t, f.collect(t))
		}
		quiet(t, f.pool)
		m, stat := f.collect(t), f.pool.Stat()
		for key, want := range map[string]int64{
			used:                                    int64(stat.AcquiredConns()),
			idle:                                    int64(stat.IdleConns()),
			"pgxpool.constructing":                  int64(stat.ConstructingConns()),
			"db.client.connection.max":              int64(stat.MaxConns()),
			"db.client.connection.idle.max":         7,
			"db.client.connection.idle.min":         2,
			"db.client.connection.pending_requests": 0,
			"db.client.connection.timeouts":         0,
			"pgxpool.size":                          3,
			"pgxpool.overflow":                      0,
			"pgxpool.overflow.max":                  4,
			"pgxpool.operations.capped":             0,
		} {
			if got := m.value(t, key); got != want {
				t.Errorf("%s is %d, want %d", key, got, want)
			}
		}
	}
}

// load runs queries of callers goroutines, and closes the channel when they are done.
func load(pool *pgxpool.Pool, callers, queries int) <-chan struct{} {
	done := make(chan struct{})
	var wg sync.WaitGroup
	for range callers {
		wg.Go(func() {
			for range queries {
				var n int
				_ = pool.QueryRow(context.Background(), "SELECT 1 FROM pg_sleep($1)", rand.Float64()/500).Scan(&n)
			}
		})
	}
	go func() {
		wg.Wait()
		close(done)
	}()
	return done
}

// quiet waits until the pool is at rest: nothing in use, its wish for idle connections fulfilled.
func quiet(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	eventually(t, "pool at rest", func() bool {
		s := pool.Stat()
		return s.AcquiredConns() == 0 && s.ConstructingConns() == 0 && s.IdleConns() >= 2
	})
}

func checkIdentities(t *testing.T, m metrics) {
	t.Helper()
	v := func(key string) int64 { return m.value(t, key) }
	if v(used) > v("db.client.connection.max") {
		t.Errorf("%d in use, more than the maximum", v(used))
	}
	if got, want := v("pgxpool.overflow"), max(0, v(used)-v("pgxpool.size")); got != want {
		t.Errorf("overflow is %d, want %d", got, want)
	}
	if got := v("pgxpool.size") + v("pgxpool.overflow.max"); got != v("db.client.connection.max") {
		t.Errorf("size and overflow.max make %d, not the maximum", got)
	}
	for key, value := range m {
		if n, ok := value.(int64); ok && n < 0 {
			t.Errorf("%s is %d", key, n)
		}
	}
}

func TestPendingIsTheCallersWithoutASlot(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	var held []*pgxpool.Conn
	for range 2 {
		held = append(held, acquire(t, f.pool))
	}
	var wg sync.WaitGroup
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
	eventually(t, "nine callers wait", func() bool {
		return f.collect(t).value(t, "db.client.connection.pending_requests") == 9
	})
	if got := f.collect(t).value(t, used); got != 2 {
		t.Errorf("%d in use, want 2", got)
	}
	for _, conn := range held {
		conn.Release()
	}
	wg.Wait()
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending at rest", got)
	}
}

func TestPendingExcludesDialingPingingAndPreparing(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		block func(c *pgxpool.Config, wait func())
		warm  bool // an idle connection is needed for the hook to run
	}{
		{"dialing", func(c *pgxpool.Config, wait func()) {
			c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { wait(); return nil }
		}, false},
		{"pinging", func(c *pgxpool.Config, wait func()) {
			c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { wait(); return false }
		}, true},
		{"preparing", func(c *pgxpool.Config, wait func()) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(); return true, nil }
		}, true},
		{"preparing, by the deprecated hook", func(c *pgxpool.Config, wait func()) {
			//lint:ignore SA1019 the deprecated hook is tested on purpose
			c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { wait(); return true }
		}, true},
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
			if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
				t.Errorf("%d pending, though the caller has its slot", got)
			}
			close(leave)
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
		})
	}
}

func acquire(t *testing.T, pool *pgxpool.Pool) *pgxpool.Conn {
	t.Helper()
	conn, err := pool.Acquire(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

func TestTimeoutsCountDeadlinesAndNothingElse(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	held := acquire(t, f.pool)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := f.pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("acquire from a full pool: %v", err)
		}
		cancel()
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.pool.Acquire(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire with a canceled context: %v", err)
	}
	held.Release()
	m := f.collect(t)
	if got := m.value(t, "db.client.connection.timeouts"); got != 3 {
		t.Errorf("%d timeouts, want 3", got)
	}
	if got := m.value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
	if got := m.count("db.client.connection.wait_time"); got != 1 {
		t.Errorf("%d waits, want the one that was obtained", got)
	}
}

func TestDialTimeoutIsNoAcquireTimeout(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
			cc.ConnectTimeout = time.Nanosecond
			return nil
		}
	})
	if _, err := f.pool.Acquire(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire: %v", err)
	}
	if got := f.collect(t).value(t, "db.client.connection.timeouts"); got != 0 {
		t.Errorf("%d timeouts, though no caller's time was up", got)
	}
}

func TestNothingDriftsWherePgxCallsNoTracer(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name   string
		change func(*pgxpool.Config)
		do     func(t *testing.T, f fixture)
		uses   uint64
	}{
		{"hijack", nil, func(t *testing.T, f fixture) {
			conn := acquire(t, f.pool).Hijack()
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
			conn.Close(t.Context())
		}, 0},
		{"acquire all idle", nil, func(t *testing.T, f fixture) {
			acquire(t, f.pool).Release()
			for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
				conn.Release()
			}
		}, 1},
		{"second release", nil, func(t *testing.T, f fixture) {
			conn := acquire(t, f.pool)
			conn.Release()
			conn.Release()
		}, 1},
		{"PrepareConn fails", func(c *pgxpool.Config) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, errors.New("no") }
		}, func(t *testing.T, f fixture) {
			if _, err := f.pool.Acquire(t.Context()); err == nil {
				t.Error("acquired")
			}
		}, 0},
		{"PrepareConn refuses all", func(c *pgxpool.Config) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return false, nil }
		}, func(t *testing.T, f fixture) {
			if _, err := f.pool.Acquire(t.Context()); err == nil {
				t.Error("acquired")
			}
		}, 0},
		{"AfterRelease destroys", func(c *pgxpool.Config) {
			c.AfterRelease = func(*pgx.Conn) bool { return false }
		}, func(t *testing.T, f fixture) { acquire(t, f.pool).Release() }, 1},
		{"reset while held", nil, func(t *testing.T, f fixture) {
			conn := acquire(t, f.pool)
			f.pool.Reset()
			conn.Release()
		}, 1},
		{"release in a transaction", nil, func(t *testing.T, f fixture) {
			conn := acquire(t, f.pool)
			if _, err := conn.Begin(t.Context()); err != nil {
				t.Error(err)
			}
			conn.Release()
		}, 1},
		{"release with open rows", nil, func(t *testing.T, f fixture) {
			conn := acquire(t, f.pool)
			if _, err := conn.Query(t.Context(), "SELECT generate_series(1, 100000)"); err != nil {
				t.Error(err)
			}
			conn.Release()
		}, 1},
		{"release after close", nil, func(t *testing.T, f fixture) {
			conn := acquire(t, f.pool)
			closed := make(chan struct{})
			go func() { f.pool.Close(); close(closed) }()
			conn.Release()
			<-closed
		}, 1},
		{"canceled while dialing", func(c *pgxpool.Config) {
			c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
				if cancel, ok := ctx.Value(cancelKey{}).(context.CancelFunc); ok {
					cancel()
				}
				return nil
			}
		}, func(t *testing.T, f fixture) {
			ctx, cancel := context.WithCancel(t.Context())
			ctx = context.WithValue(ctx, cancelKey{}, cancel)
			if conn, err := f.pool.Acquire(ctx); err == nil {
				conn.Release() // dialing was quicker
			}
		}, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 2, tt.change)
			tt.do(t, f)
			eventually(t, "pool at rest", func() bool {
				s := f.pool.Stat()
				return s.AcquiredConns() == 0 && s.ConstructingConns() == 0
			})
			m := f.collect(t)
			if got := m.value(t, "db.client.connection.pending_requests"); got != 0 {
				t.Errorf("%d pending", got)
			}
			if got := m.count("db.client.connection.use_time"); got != tt.uses && tt.name != "canceled while dialing" {
				t.Errorf("%d uses, want %d", got, tt.uses)
			}
		})
	}
}

type cancelKey struct{}

func TestPanicInPrepareConnIsAsWithoutUs(t *testing.T) {
	t.Parallel()
	// pgx leaks the slot of a panicking PrepareConn, so the pool cannot be closed: it is left to the server's end.
	tel := newTelemetry(t)
	config := parse(t, database(t))
	config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { panic("mine") }
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if got := recover(); got != "mine" {
				t.Errorf("recovered %v, want the hook's own panic", got)
			}
		}()
		_, _ = pool.Acquire(t.Context())
	}()
	m := tel.collect(t)
	if got := m.value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
	if got, want := m.value(t, used), int64(pool.Stat().AcquiredConns()); got != want {
		t.Errorf("%d in use, Stat says %d", got, want)
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}
