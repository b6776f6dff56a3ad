package parity_test

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

// older waits until a connection is older than its life may be.
func older(d time.Duration) { <-time.After(d + 20*time.Millisecond) }

var closingScenarios = []scenario{
	{name: "Reset while all are held", do: func(w *world) {
		conns := []*pgxpool.Conn{w.acquire(), w.acquire(), w.acquire()}
		w.pool.Reset()
		w.noteStat()
		for _, c := range conns {
			c.Release()
		}
		w.settle(0, 0)
	}},
	{name: "release of one that is too old", configure: func(c *pgxpool.Config, _ *world) { c.MaxConnLifetime = 200 * time.Millisecond }, do: func(w *world) {
		c := w.acquire()
		older(200 * time.Millisecond)
		c.Release()
		w.settle(0, 0)
	}},
	{name: "release of a busy one", do: func(w *world) {
		c := w.acquire()
		_, err := c.Query(w.ctx, "select generate_series(1,10)")
		w.note("%s", telling(err))
		c.Release()
		w.settle(0, 0)
	}},
	{name: "release in a failed transaction", do: func(w *world) {
		c := w.acquire()
		first := c.Conn()
		for _, sql := range []string{"begin", "selct"} {
			_, err := c.Exec(w.ctx, sql)
			w.note("%s %c", telling(err), c.Conn().PgConn().TxStatus())
		}
		c.Release()
		w.settle(0, 0)
		c = w.acquire()
		w.note("the same: %v, %c", c.Conn() == first, c.Conn().PgConn().TxStatus())
		c.Release()
	}},
	{name: "release in a transaction", do: func(w *world) {
		c := w.acquire()
		_, err := c.Exec(w.ctx, "begin")
		w.note("%s %c", telling(err), c.Conn().PgConn().TxStatus())
		c.Release()
		w.settle(0, 0)
		c = w.acquire()
		w.note("%c", c.Conn().PgConn().TxStatus())
		c.Release()
	}},
	{name: "release of a closed one", do: func(w *world) {
		c := w.acquire()
		w.note("%s", telling(c.Conn().Close(w.ctx)))
		w.noteStat()
		c.Release()
		w.settle(0, 0)
	}},
	{name: "the health check closes those that are too old", configure: func(c *pgxpool.Config, _ *world) {
		c.MaxConnLifetime, c.HealthCheckPeriod = 100*time.Millisecond, 50*time.Millisecond
	}, do: func(w *world) {
		w.acquire().Release()
		w.settle(0, 0)
	}},
	{name: "the health check closes those that were idle for too long", configure: func(c *pgxpool.Config, _ *world) {
		c.MaxConnIdleTime, c.HealthCheckPeriod = 100*time.Millisecond, 50*time.Millisecond
	}, do: func(w *world) {
		w.acquire().Release()
		w.settle(0, 0)
	}},
	{name: "acquire when the idle one is too old", configure: func(c *pgxpool.Config, _ *world) {
		c.MaxConnLifetime, c.HealthCheckPeriod = 500*time.Millisecond, time.Minute
	}, do: func(w *world) {
		w.acquire().Release()
		w.settle(0, 1)
		older(500 * time.Millisecond)
		w.acquire().Release()
		w.settle(0, 1)
	}},
	{name: "a life without end", configure: func(c *pgxpool.Config, _ *world) {
		c.MaxConnLifetime, c.MaxConns, c.HealthCheckPeriod = 0, 1, 300*time.Millisecond
	}, do: func(w *world) {
		c := w.acquire()
		first := c.Conn()
		c.Release()
		older(350 * time.Millisecond) // a health check, and far from the next
		for range 5 {
			// The health check may have it for a moment.
			rig.Eventually(w.t, "idle", func() bool { return w.pool.Stat().IdleConns() == 1 })
			c, err := w.pool.Acquire(w.ctx)
			w.note("%s, the same: %v", telling(err), c.Conn() == first)
			c.Release()
		}
		s := w.pool.Stat()
		w.note("%d in all, %d closed for their age", s.TotalConns(), s.MaxLifetimeDestroyCount())
	}},
	{name: "close twice", do: func(w *world) {
		w.acquire().Release()
		w.pool.Close()
		w.pool.Close()
	}},
}
