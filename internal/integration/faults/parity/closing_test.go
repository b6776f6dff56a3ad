package parity_test

import (
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

// older waits until a connection has exceeded its lifetime.
func older(d time.Duration) { <-time.After(d + 20*time.Millisecond) }

var closingScenarios = []scenario{
	{name: "Reset while all are held", do: func(w *fixture) {
		conns := []*pgxpool.Conn{w.acquire(), w.acquire(), w.acquire()}
		w.pool.Reset()
		w.recordStat()
		postgrestest.Release(conns)
		w.settle(0, 0)
	}},
	{name: "release of one that is too old", configure: func(c *pgxpool.Config, _ *fixture) { c.MaxConnLifetime = 200 * time.Millisecond }, do: func(w *fixture) {
		c := w.acquire()
		older(200 * time.Millisecond)
		c.Release()
		w.settle(0, 0)
	}},
	{name: "release of a busy one", do: func(w *fixture) {
		c := w.acquire()
		_, err := c.Query(w.ctx, "select generate_series(1,10)")
		w.record("%s", describe(err))
		c.Release()
		w.settle(0, 0)
	}},
	{name: "release in a failed transaction", do: func(w *fixture) {
		c := w.acquire()
		first := c.Conn()
		for _, sql := range []string{"begin", "selct"} {
			_, err := c.Exec(w.ctx, sql)
			w.record("%s %c", describe(err), c.Conn().PgConn().TxStatus())
		}
		c.Release()
		w.settle(0, 0)
		c = w.acquire()
		w.record("the same: %v, %c", c.Conn() == first, c.Conn().PgConn().TxStatus())
		c.Release()
	}},
	{name: "release in a transaction", do: func(w *fixture) {
		c := w.acquire()
		_, err := c.Exec(w.ctx, "begin")
		w.record("%s %c", describe(err), c.Conn().PgConn().TxStatus())
		c.Release()
		w.settle(0, 0)
		c = w.acquire()
		w.record("%c", c.Conn().PgConn().TxStatus())
		c.Release()
	}},
	{name: "release of a closed one", do: func(w *fixture) {
		c := w.acquire()
		w.record("%s", describe(c.Conn().Close(w.ctx)))
		w.recordStat()
		c.Release()
		w.settle(0, 0)
	}},
	{name: "the health check closes those that are too old", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MaxConnLifetime, c.HealthCheckPeriod = 100*time.Millisecond, 50*time.Millisecond
	}, do: func(w *fixture) {
		w.acquire().Release()
		w.settle(0, 0)
	}},
	{name: "the health check closes those that were idle for too long", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MaxConnIdleTime, c.HealthCheckPeriod = 100*time.Millisecond, 50*time.Millisecond
	}, do: func(w *fixture) {
		w.acquire().Release()
		w.settle(0, 0)
	}},
	{name: "acquire when the idle one is too old", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MaxConnLifetime, c.HealthCheckPeriod = 500*time.Millisecond, time.Minute
	}, do: func(w *fixture) {
		w.acquire().Release()
		w.settle(0, 1)
		older(500 * time.Millisecond)
		w.acquire().Release()
		w.settle(0, 1)
	}},
	{name: "a life without end", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MaxConnLifetime, c.MaxConns, c.HealthCheckPeriod = 0, 1, 300*time.Millisecond
	}, do: func(w *fixture) {
		c := w.acquire()
		first := c.Conn()
		c.Release()
		older(350 * time.Millisecond) // after one health check, and long before the next
		for range 5 {
			// The health check may hold the connection for a moment.
			rig.Eventually(w.t, "idle", func() bool { return w.pool.Stat().IdleConns() == 1 })
			c, err := w.pool.Acquire(w.ctx)
			w.record("%s, the same: %v", describe(err), c.Conn() == first)
			c.Release()
		}
		s := w.pool.Stat()
		w.record("%d in all, %d closed for their age", s.TotalConns(), s.MaxLifetimeDestroyCount())
	}},
	{name: "close twice", do: func(w *fixture) {
		w.acquire().Release()
		w.pool.Close()
		w.pool.Close()
	}},
}
