package otelpool_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// settled waits until nothing is in use, and then until the pool has at most that many idle.
func settled(t *testing.T, pool *pgxpool.Pool, idle int32) {
	t.Helper()
	eventually(t, "the pool settles", func() bool {
		s := pool.Stat()
		return s.AcquiredConns() == 0 && s.ConstructingConns() == 0 && s.IdleConns() <= idle
	})
}

func TestConnectionsThatBecomeIdleUnseenAreClosedByLaterReturns(t *testing.T) {
	t.Parallel()
	t.Run("of MinIdleConns", func(t *testing.T) {
		t.Parallel()
		f := sized(t, otelpool.Sizing{PoolSize: 3, MaxOverflow: 6}, func(c *pgxpool.Config) {
			c.MinIdleConns, c.HealthCheckPeriod = 3, 20*time.Millisecond
		})
		filled := func() bool { return f.pool.Stat().IdleConns() >= 3 }
		eventually(t, "three are idle", filled)
		var conns []*pgxpool.Conn
		for range 3 {
			conns = append(conns, acquire(t, f.pool))
		}
		eventually(t, "three more are idle", filled)
		for _, conn := range conns {
			conn.Release()
		}
		settled(t, f.pool, 3)
	})
	t.Run("kept by a failing PrepareConn", func(t *testing.T) {
		t.Parallel()
		type fail struct{}
		f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 4}, func(c *pgxpool.Config) {
			c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
				if ctx.Value(fail{}) != nil {
					return true, errors.New("no")
				}
				return true, nil
			}
		})
		var conns []*pgxpool.Conn
		for range 5 {
			conns = append(conns, acquire(t, f.pool))
		}
		for i, conn := range conns {
			conn.Release()
			eventually(t, "it is back", func() bool { return f.pool.Stat().AcquiredConns() == int32(4-i) })
			if _, err := f.pool.Acquire(context.WithValue(t.Context(), fail{}, true)); err == nil {
				t.Fatal("acquired")
			}
		}
		settled(t, f.pool, 1)
	})
	t.Run("and one that is hijacked does not count for ever", func(t *testing.T) {
		t.Parallel()
		f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}, nil)
		acquire(t, f.pool).Release()
		settled(t, f.pool, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			defer conn.Hijack().Close(context.Background())
		}
		for range 3 {
			acquire(t, f.pool).Release()
			settled(t, f.pool, 1)
		}
		if got := f.pool.Stat().IdleConns(); got != 1 {
			t.Errorf("%d idle, want 1", got)
		}
	})
}

func TestResetWhileCollectingLeavesThePeakRight(t *testing.T) {
	t.Parallel()
	f := setup(t, 20, nil, otelpool.WithPeakWindow(time.Second))
	stop := make(chan struct{})
	var readers sync.WaitGroup
	for range 2 {
		readers.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					f.collect(t)
				}
			}
		})
	}
	for range 5 {
		var conns []*pgxpool.Conn
		for range 20 {
			conns = append(conns, acquire(t, f.pool))
		}
		for _, conn := range conns {
			conn.Release()
		}
		f.pool.Reset()
	}
	close(stop)
	readers.Wait()
	settled(t, f.pool, 20)
	eventually(t, "the spikes leave the window", func() bool { return f.collect(t).value(t, "pgxpool.peak") == 0 })
	var peak int64
	inWindow(func() (spike time.Time) {
		conn := acquire(t, f.pool)
		spike = time.Now()
		conn.Release()
		peak = f.collect(t).value(t, "pgxpool.peak")
		return spike
	})
	if peak != 1 {
		t.Errorf("peak %d, want 1", peak)
	}
}

func TestAnotherPoolUsedInAHookIsItsOwn(t *testing.T) {
	t.Parallel()
	inner := sized(t, otelpool.Sizing{PoolSize: 1}, nil)
	if err := inner.inst.Unregister(); err != nil { // not even measured
		t.Fatal(err)
	}
	outer := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: time.Minute}, func(c *pgxpool.Config) {
		c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error {
			_, err := inner.pool.Exec(ctx, "SELECT 1")
			return err
		}
	})
	conn, err := outer.pool.Acquire(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	conn.Release()
	m := outer.collect(t)
	var phases float64
	for _, name := range []string{"queue", "connect", "ping", "prepare"} {
		phases += m.seconds(t, "pgxpool.acquire.phase_time{phase="+name+"}")
	}
	if wait := m.sum("db.client.connection.wait_time"); phases < 0.999*wait || phases > 1.001*wait {
		t.Errorf("phases make %v s, the acquire took %v s", phases, wait)
	}
}

func TestTimeoutWithinPrepareConnIsOurs(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: 500 * time.Millisecond}, func(c *pgxpool.Config) {
		c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
			_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
			return err == nil, err
		}
	})
	_, err := f.pool.Acquire(t.Context())
	if !errors.Is(err, otelpool.ErrAcquireTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if got := f.collect(t).value(t, "db.client.connection.timeouts"); got != 1 {
		t.Errorf("%d timeouts, want 1", got)
	}
}
