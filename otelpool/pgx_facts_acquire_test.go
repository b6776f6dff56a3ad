package otelpool_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// acquireFacts are rows 1 to 3.
var acquireFacts = []pgxFact{
	{"1 acquires end well, by error, deadline and cancel", hooked, func(t *testing.T, f fixture) {
		ctx := context.Background()
		conns := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool), acquire(t, f.pool)}
		late, cancel := context.WithTimeout(ctx, time.Millisecond)
		defer cancel()
		refuseAcquire(t, f, late, context.DeadlineExceeded)
		refuseAcquire(t, f, late, context.DeadlineExceeded) // past before it began
		canceled, cancel := context.WithCancel(ctx)
		time.AfterFunc(time.Millisecond, cancel)
		refuseAcquire(t, f, canceled, context.Canceled)
		refuseAcquire(t, f, canceled, context.Canceled)
		for _, conn := range conns {
			conn.Release()
		}
		refuseAcquire(t, f, withHook(ctx, inPrepareConn, fails), errNotToday)
	}, counts{ok: 3, timeout: 2, canceled: 2, failed: 1, uses: 3, opened: 3}},

	{"1 PrepareConn refuses one connection after the other", hooked, func(t *testing.T, f fixture) {
		var calls int
		ctx := withHook(context.Background(), inPrepareConn, func() error {
			if calls++; calls <= 2 {
				return errRefused
			}
			return nil
		})
		conn := acquireWith(t, f.pool, ctx)
		if m := f.collect(t); m.value(t, used) < 1 || m.pending(t) != 0 {
			t.Errorf("%d in use, %d pending", m.value(t, used), m.pending(t))
		}
		conn.Release()
		refuseAcquire(t, f, withHook(ctx, inPrepareConn, func() error { calls++; return errNotToday }), errNotToday)
	}, counts{ok: 1, failed: 1, uses: 1, opened: 3, closed: map[string]int64{"other": 2}}},

	{"1 a caller whose connection is refused waits again", hooked, func(t *testing.T, f fixture) {
		held := []*pgxpool.Conn{acquire(t, f.pool), acquire(t, f.pool)}
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
			for range 10_000 { // until it waits for this place; the test fails below if it never does
				if pending() == 1 {
					break
				}
				wait(time.Millisecond)
			}
			return errRefused
		})
		go get(ctx, again)
		held = append(held, <-other)
		eventually(t, "the one refused waits", func() bool { return pending() == 1 })
		for _, conn := range held {
			conn.Release()
		}
		(<-again).Release()
	}, counts{ok: 4, uses: 4, opened: 4, closed: map[string]int64{"other": 1}}},

	{"2 PrepareConn panics", hooked, func(t *testing.T, f fixture) {
		other := acquire(t, f.pool)
		got := recovering(func() { _, _ = f.pool.Acquire(withHook(context.Background(), inPrepareConn, panics)) })
		if got != "mine" {
			t.Errorf("recovered %v", got)
		}
		m := f.collect(t)
		if m.value(t, used) != 2 || m.value(t, "pgxpool.peak") != 2 || m.pending(t) != 0 {
			t.Errorf("used %d, peak %d, pending %d", m.value(t, used), m.value(t, "pgxpool.peak"), m.pending(t))
		}
		if held := heldBy(f); held != "?" {
			t.Errorf("held by %s, want the one that somebody has", held)
		}
		other.Release()
	}, counts{ok: 1, failed: 1, uses: 1, opened: 2, leaked: 1}},

	{"2 BeforeAcquire panics", func(c *pgxpool.Config) {
		//lint:ignore SA1019 the deprecated hook is tested on purpose
		c.BeforeAcquire = func(ctx context.Context, _ *pgx.Conn) bool { return runHook(ctx, inPrepareConn) == nil }
	}, func(t *testing.T, f fixture) {
		recovering(func() { _, _ = f.pool.Acquire(withHook(context.Background(), inPrepareConn, panics)) })
	}, counts{failed: 1, opened: 1, leaked: 1}},

	{"2 ShouldPing panics", pinging, func(t *testing.T, f fixture) {
		recovering(func() { _, _ = f.pool.Acquire(withHook(context.Background(), inShouldPing, panics)) })
	}, counts{failed: 1, opened: 1, leaked: 1}},

	{"3 second release", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		conn.Release()
		other := acquire(t, f.pool) // the same connection
		conn.Release()
		if held := heldBy(f); held != "?" {
			t.Errorf("held by %s", held)
		}
		other.Release()
	}, counts{ok: 2, uses: 2, opened: 1}},

	{"3 AfterRelease goes on when the hold is over", func(c *pgxpool.Config) {
		c.AfterRelease = func(conn *pgx.Conn) bool { afterRelease(conn); return false }
	}, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		running, leave := make(chan struct{}), make(chan struct{})
		conn.Conn().PgConn().CustomData()["test"] = func() { close(running); <-leave }
		conn.Release()
		<-running
		m := f.collect(t)
		if m.value(t, used) != 1 || m.value(t, "pgxpool.peak") != 1 || m.seconds(t, "pgxpool.oldest_hold") != 0 || heldBy(f) != "" {
			t.Errorf("used %d, peak %d, held by %q", m.value(t, used), m.value(t, "pgxpool.peak"), heldBy(f))
		}
		close(leave)
	}, counts{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"other": 1}}},
}

// allIdleFacts are row 5: connections come back that nobody acquired.
var allIdleFacts = []pgxFact{
	{"5 AcquireAllIdle", nil, func(t *testing.T, f fixture) {
		warm(t, f, 2)
		awaitCalm(t, f, 0)
		conns := f.pool.AcquireAllIdle(t.Context())
		m := f.collect(t)
		if m.value(t, used) != 2 || m.value(t, "pgxpool.peak") != 2 || heldBy(f) != "" {
			t.Errorf("used %d, peak %d, held by %q", m.value(t, used), m.value(t, "pgxpool.peak"), heldBy(f))
		}
		for _, conn := range conns {
			if _, err := conn.Exec(t.Context(), "SELECT 1"); err != nil {
				t.Error(err)
			}
			conn.Release()
		}
	}, counts{ok: 2, uses: 2, opened: 2}},

	{"5 AcquireAllIdle while others hold and wait", nil, func(t *testing.T, f fixture) {
		warm(t, f, factConns)
		awaitCalm(t, f, 0)
		conn := acquire(t, f.pool)
		taken := f.pool.AcquireAllIdle(t.Context())
		var wg sync.WaitGroup
		for range 2 {
			wg.Go(func() { f.exec(t, context.Background(), "SELECT 1") })
		}
		eventually(t, "two wait", func() bool { return f.collect(t).pending(t) == 2 })
		m := f.collect(t)
		if m.value(t, used) != factConns || m.value(t, "pgxpool.peak") != factConns || heldBy(f) != "?" {
			t.Errorf("used %d, peak %d, held by %q", m.value(t, used), m.value(t, "pgxpool.peak"), heldBy(f))
		}
		eventually(t, "the peak knows of them", func() bool { return f.collect(t).value(t, "pgxpool.pending.peak") == 2 })
		for _, conn := range append(taken, conn) {
			conn.Release()
		}
		wg.Wait()
	}, counts{ok: 6, uses: 6, opened: 3}},

	{"5 AcquireAllIdle whose connections are refused", hooked, func(t *testing.T, f fixture) {
		warm(t, f, 3)
		if conns := f.pool.AcquireAllIdle(withHook(t.Context(), inPrepareConn, refuses)); len(conns) != 0 {
			t.Errorf("%d acquired", len(conns))
		}
	}, counts{ok: 3, uses: 3, opened: 3, closed: map[string]int64{"other": 3}}},

	{"5 AcquireAllIdle in which PrepareConn panics", hooked, func(t *testing.T, f fixture) {
		warm(t, f, 2)
		recovering(func() { f.pool.AcquireAllIdle(withHook(t.Context(), inPrepareConn, panics)) })
	}, counts{ok: 2, uses: 2, opened: 2, leaked: 2, unfit: true}}, // nobody can know how many are lost

	{"5 AcquireAllIdle, released in a transaction", nil, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			if _, err := conn.Begin(t.Context()); err != nil {
				t.Error(err)
			}
			conn.Release()
		}
	}, counts{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"in_transaction": 1}}},
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
			if got := m.pending(t); got != 0 {
				t.Errorf("%d pending", got)
			}
			if got := m.count(useTime); got != tt.uses && tt.name != "canceled while dialing" {
				t.Errorf("%d uses, want %d", got, tt.uses)
			}
		})
	}
}

type cancelKey struct{}
