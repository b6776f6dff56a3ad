package parity_test

import (
	"context"
	"errors"
	"math"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

var acquireScenarios = []scenario{
	{name: "a pool is made and closed", do: func(w *fixture) {
		c := w.pool.Config()
		w.record("%v %v %v %v %v", c.ConnString() == w.config.ConnString(), c.MaxConns, c.MinConns, c.MaxConnLifetime, c.MaxConnIdleTime)
	}},
	{name: "a configuration and its copy make pools", do: func(w *fixture) {
		other := w.build(w.config.Copy())
		_, err := other.Exec(w.ctx, "SELECT 1")
		w.record("%s", describe(err))
		other.Close()
	}},
	{name: "acquire and release", do: func(w *fixture) {
		w.acquire().Release()
		w.settle(0, 1)
	}},
	{name: "a second release does nothing", do: func(w *fixture) {
		c := w.acquire()
		c.Release()
		c.Release()
		w.settle(0, 1)
	}},
	{name: "acquire and hijack", do: func(w *fixture) {
		c := w.acquire()
		w.recordStat()
		conn := c.Hijack()
		w.recordStat()
		var n int32
		w.record("%s", describe(conn.QueryRow(w.ctx, "select 1").Scan(&n)))
		w.record("%d %s", n, describe(conn.Close(w.ctx)))
	}},
	{name: "hijack of what was released panics", do: func(w *fixture) {
		c := w.acquire()
		c.Release()
		func() {
			defer func() { w.record("panic %v", recover()) }()
			c.Hijack()
		}()
		w.settle(0, 1)
	}},
	{name: "the context of the first call may end while dialing", configure: func(c *pgxpool.Config, w *fixture) {
		c.BeforeConnect = func(context.Context, *pgx.ConnConfig) error { w.keep["cancel"].(context.CancelFunc)(); return nil }
	}, do: func(w *fixture) {
		w.recordStat()
		ctx, cancel := context.WithCancel(w.ctx)
		w.keep["cancel"] = cancel
		_, err := w.pool.Exec(ctx, "SELECT 1")
		w.record("%s", describe(err))
		w.settle(0, 1)
	}, unordered: true},
	{name: "acquire with a context that has ended", do: func(w *fixture) {
		ctx, cancel := context.WithCancel(w.ctx)
		cancel()
		_, err := w.pool.Acquire(ctx)
		w.record("%s", describe(err))
		late, cancel := context.WithDeadline(w.ctx, time.Now().Add(-time.Second))
		defer cancel()
		_, err = w.pool.Acquire(late)
		w.record("%s", describe(err))
	}},
	{name: "acquire from a full pool", configure: func(c *pgxpool.Config, _ *fixture) { c.MaxConns = 1 }, do: func(w *fixture) {
		c := w.acquire()
		ctx, cancel := context.WithTimeout(w.ctx, 20*time.Millisecond)
		defer cancel()
		_, err := w.pool.Acquire(ctx)
		w.record("%s", describe(err))
		c.Release()
		w.settle(0, 1)
	}},
	{name: "acquire from a closed pool", do: func(w *fixture) {
		w.acquire().Release()
		w.pool.Close()
		_, err := w.pool.Acquire(w.ctx)
		w.record("%s", describe(err))
		w.record("%s", describe(w.pool.Ping(w.ctx)))
	}},
	{name: "the largest possible pool", configure: func(c *pgxpool.Config, _ *fixture) { c.MaxConns = math.MaxInt32 }, do: func(w *fixture) {
		w.acquire().Release()
		w.settle(0, 1)
	}},
	{name: "AcquireFunc", do: func(w *fixture) {
		var n int32
		err := w.pool.AcquireFunc(w.ctx, func(c *pgxpool.Conn) error { return c.QueryRow(w.ctx, "select 1").Scan(&n) })
		w.record("%d %s", n, describe(err))
		w.settle(0, 1)
	}},
	{name: "AcquireFunc returns the error of the function", do: func(w *fixture) {
		w.record("%s", describe(w.pool.AcquireFunc(w.ctx, func(*pgxpool.Conn) error { return errors.New("some error") })))
		w.settle(0, 1)
	}},
	{name: "AcquireFunc whose function panics", do: func(w *fixture) {
		func() {
			defer func() { w.record("panic %v", recover()) }()
			_ = w.pool.AcquireFunc(w.ctx, func(*pgxpool.Conn) error { panic("mine") })
		}()
		w.settle(0, 1)
	}},
	{name: "AcquireAllIdle", do: func(w *fixture) {
		conns := []*pgxpool.Conn{w.acquire(), w.acquire(), w.acquire()}
		postgrestest.Release(conns)
		w.settle(0, 3)
		idle := w.pool.AcquireAllIdle(w.ctx)
		w.record("%d idle", len(idle))
		w.recordStat()
		postgrestest.Release(idle)
		w.settle(0, 3)
	}, unordered: true},
	{name: "dialing fails", configure: func(c *pgxpool.Config, _ *fixture) {
		c.ConnConfig.Host, c.ConnConfig.Port, c.ConnConfig.Fallbacks = "127.0.0.1", 1, nil
	}, do: func(w *fixture) {
		_, err := w.pool.Acquire(w.ctx)
		w.record("%s", describe(err))
		_, err = w.pool.Exec(w.ctx, "SELECT 1")
		w.record("%s", describe(err))
		_, err = w.pool.Query(w.ctx, "SELECT 1")
		w.record("%s", describe(err))
		w.record("%s", describe(w.pool.QueryRow(w.ctx, "SELECT 1").Scan(nil)))
		_, err = w.pool.Begin(w.ctx)
		w.record("%s", describe(err))
		_, err = w.pool.CopyFrom(w.ctx, pgx.Identifier{"x"}, []string{"y"}, pgx.CopyFromRows(nil))
		w.record("%s", describe(err))
		w.record("%s", describe(w.pool.SendBatch(w.ctx, new(pgx.Batch)).Close()))
		w.settle(0, 0)
	}},
	{name: "the server refuses", configure: func(c *pgxpool.Config, _ *fixture) { c.ConnConfig.Database = "no such database" }, do: func(w *fixture) {
		_, err := w.pool.Acquire(w.ctx)
		w.record("%s", describe(err))
		w.settle(0, 0)
	}},
	{name: "MinConns are dialed in the background", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MinConns, c.HealthCheckPeriod = 2, time.Hour // the end of a connection triggers a check, too
	}, do: func(w *fixture) {
		w.settle(0, 2)
		c := w.acquire()
		w.recordStat()
		w.record("%s", describe(c.Conn().Close(w.ctx)))
		c.Release()
		w.until("another is dialed", func(s *pgxpool.Stat) bool { return s.NewConnsCount() == 3 && s.IdleConns() == 2 })
	}, unordered: true},
	{name: "MinConns are reached soon", alone: true, configure: func(c *pgxpool.Config, _ *fixture) { c.MinConns, c.MaxConns = 12, 15 }, do: func(w *fixture) {
		w.settle(0, 12)
	}, unordered: true},
	{name: "MinIdleConns are dialed in the background", configure: func(c *pgxpool.Config, _ *fixture) {
		c.MinIdleConns, c.MaxConns, c.HealthCheckPeriod = 1, 3, 200*time.Millisecond
	}, do: func(w *fixture) {
		w.settle(0, 1)
		c := w.acquire()
		w.settle(1, 2)
		c.Release()
		w.settle(0, 2)
	}, unordered: true},
}
