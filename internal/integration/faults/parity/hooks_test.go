package parity_test

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

// count counts the calls of a hook. One goroutine at a time calls a scenario's hooks, except AfterRelease.
func (w *fixture) count(hook string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, _ := w.keep[hook].(int)
	w.keep[hook] = n + 1
	return n + 1
}

func (w *fixture) counted(hook string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n, _ := w.keep[hook].(int)
	return n
}

var errMine = errors.New("an error of the program's own")

var hookScenarios = []scenario{
	{name: "BeforeConnect changes the configuration", configure: func(c *pgxpool.Config, _ *fixture) {
		c.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
			cc.RuntimeParams["application_name"] = "changed"
			return nil
		}
	}, do: func(w *fixture) {
		var name string
		w.record("%s", describe(w.pool.QueryRow(w.ctx, "SHOW application_name").Scan(&name)))
		w.record("%s", name)
		w.settle(0, 1)
	}},
	{name: "BeforeConnect fails", configure: func(c *pgxpool.Config, _ *fixture) {
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { return errMine }
	}, do: func(w *fixture) {
		_, err := w.pool.Acquire(w.ctx)
		w.record("%s %v", describe(err), errors.Is(err, errMine))
		w.settle(0, 0)
	}},
	{name: "AfterConnect prepares a statement", configure: func(c *pgxpool.Config, _ *fixture) {
		c.AfterConnect = func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Prepare(ctx, "ps1", "select 1")
			return err
		}
	}, do: func(w *fixture) {
		var n int32
		w.record("%s", describe(w.pool.QueryRow(w.ctx, "ps1").Scan(&n)))
		w.record("%d", n)
		w.settle(0, 1)
	}},
	{name: "AfterConnect fails", configure: func(c *pgxpool.Config, _ *fixture) {
		c.AfterConnect = func(context.Context, *pgx.Conn) error { return errMine }
	}, do: func(w *fixture) {
		_, err := w.pool.Acquire(w.ctx)
		w.record("%s %v", describe(err), errors.Is(err, errMine))
		w.settle(0, 0)
	}},
	{name: "BeforeAcquire refuses every other connection", plain: true, configure: func(c *pgxpool.Config, w *fixture) {
		//lint:ignore SA1019 the deprecated hook is one of pgx's scenarios
		c.BeforeAcquire = func(context.Context, *pgx.Conn) bool { return w.count("acquire")%2 == 0 }
	}, do: func(w *fixture) {
		var conns []*pgxpool.Conn
		for range 4 {
			conns = append(conns, w.acquire())
		}
		postgrestest.Release(conns)
		w.settle(0, 4)
		w.record("%d calls", w.counted("acquire"))
		conns = w.pool.AcquireAllIdle(w.ctx)
		w.record("%d idle", len(conns))
		postgrestest.Release(conns)
		w.settle(0, 2)
		w.record("%d calls", w.counted("acquire"))
	}, unordered: true},
	{name: "PrepareConn refuses some connections and fails for others", configure: func(c *pgxpool.Config, w *fixture) {
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) {
			n := w.count("prepare")
			if n%3 == 0 {
				return n%2 == 0, errMine
			}
			return n%2 == 0, nil
		}
	}, do: func(w *fixture) {
		var conns []*pgxpool.Conn
		failed := 0
		for len(conns) < 4 {
			c, err := w.pool.Acquire(w.ctx)
			w.record("%s", describe(err))
			if err != nil {
				failed++
				// A goroutine of the pool closes refused connections. Their slots must be free, so that all runs are
				// alike.
				rig.Eventually(w.t, "what was refused is closed", func() bool { return int(w.pool.Stat().AcquiredConns()) == len(conns) })
				continue
			}
			conns = append(conns, c)
		}
		w.record("%d failed, %d calls", failed, w.counted("prepare"))
		postgrestest.Release(conns)
		w.settle(0, 4)
		conns = w.pool.AcquireAllIdle(w.ctx)
		w.record("%d idle", len(conns))
		postgrestest.Release(conns)
		w.settle(0, int32(len(conns)))
		w.record("%d calls", w.counted("prepare"))
	}, unordered: true},
	{name: "PrepareConn refuses all connections", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MaxConns = 2
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return false, nil }
	}, do: func(w *fixture) {
		_, err := w.pool.Acquire(w.ctx)
		w.record("%s", describe(err))
		w.settle(0, 0)
	}, unordered: true},
	{name: "PrepareConn panics", configure: func(c *pgxpool.Config, w *fixture) {
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) {
			if w.count("prepare") == 2 {
				panic("mine")
			}
			return true, nil
		}
	}, do: func(w *fixture) {
		w.acquire().Release()
		func() {
			defer func() { w.record("panic %v", recover()) }()
			_, _ = w.pool.Acquire(w.ctx)
		}()
		w.recordStat()
	}, leaks: true},
	{name: "AfterRelease comes when the connection is back", configure: func(c *pgxpool.Config, w *fixture) {
		c.AfterRelease = func(conn *pgx.Conn) bool {
			w.record("%v", conn.IsClosed())
			return true
		}
	}, do: func(w *fixture) {
		for range 3 {
			w.acquire().Release()
			w.settle(0, 1)
			_, err := w.pool.Exec(w.ctx, "select 1")
			w.record("%s", describe(err))
			w.settle(0, 1)
		}
	}, unordered: true},
	{name: "AfterRelease keeps every other connection", configure: func(c *pgxpool.Config, w *fixture) {
		c.AfterRelease = func(*pgx.Conn) bool { return w.count("release")%2 == 1 }
	}, do: func(w *fixture) {
		seen := make(map[*pgx.Conn]bool)
		for i := range 10 {
			c := w.acquire()
			seen[c.Conn()] = true
			c.Release()
			w.settle(0, int32(1-i%2))
		}
		w.record("%d connections", len(seen))
	}},
	{name: "BeforeClose is called for each", configure: func(c *pgxpool.Config, w *fixture) {
		c.BeforeClose = func(*pgx.Conn) { w.count("close") }
	}, do: func(w *fixture) {
		for i := range 5 {
			c := w.acquire()
			c.Release()
			w.pool.Reset()
			rig.Eventually(w.t, "closed", func() bool { return w.counted("close") == i+1 })
			w.settle(0, 0)
		}
	}},
	{name: "ShouldPing decides", configure: func(c *pgxpool.Config, w *fixture) {
		c.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
			w.keep["asked"] = p.Conn
			return w.count("ping") == 3
		}
	}, do: func(w *fixture) {
		for range 4 {
			c := w.acquire()
			w.record("asked for this one: %v", w.keep["asked"] == c.Conn())
			c.Release()
		}
		w.settle(0, 1)
	}},
	{name: "hooks get the contexts they should", configure: func(c *pgxpool.Config, w *fixture) {
		c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
			_, limited := ctx.Deadline()
			w.record("limited: %v", limited)
			return true, nil
		}
	}, do: func(w *fixture) {
		for _, ctx := range []context.Context{context.Background(), w.ctx} {
			c, err := w.pool.Acquire(ctx)
			w.record("%s", describe(err))
			c.Release()
		}
		w.settle(0, 1)
	}},
}
