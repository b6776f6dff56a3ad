package parity_test

import (
	"context"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

// slowConn is a connection whose reads are slow while slow is set.
type slowConn struct {
	net.Conn
	delay time.Duration
	slow  *atomic.Bool
}

func (c slowConn) Read(b []byte) (int, error) {
	if c.slow.Load() {
		<-time.After(c.delay)
	}
	return c.Conn.Read(b)
}

// slowly makes the first connection of a pool a slowConn.
func slowly(c *pgxpool.Config, w *fixture, delay time.Duration) {
	slow := new(atomic.Bool)
	w.keep["slow"] = slow
	var first sync.Once
	c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
		var d net.Dialer
		conn, err := d.DialContext(ctx, network, addr)
		first.Do(func() { conn = slowConn{conn, delay, slow} })
		return conn, err
	}
}

func (w *fixture) slow(yes bool) { w.keep["slow"].(*atomic.Bool).Store(yes) }

var pingScenarios = []scenario{
	{name: "ping", do: func(w *fixture) {
		w.record("%s", describe(w.pool.Ping(w.ctx)))
		c := w.acquire()
		w.record("%s", describe(c.Ping(w.ctx)))
		c.Release()
		w.settle(0, 1)
	}},
	{name: "idle connections that died are found by a ping", plain: true, do: func(w *fixture) {
		admin := w.admin()
		defer admin.Close(context.Background())
		conns := []*pgxpool.Conn{w.acquire(), w.acquire(), w.acquire()}
		var pids []uint32
		dead := make(map[*pgx.Conn]bool)
		for _, c := range conns {
			pids = append(pids, c.Conn().PgConn().PID())
			dead[c.Conn()] = true
			c.Release()
		}
		_, err := admin.Exec(w.ctx, "select pg_terminate_backend(n, 10000) from unnest($1::int[]) n", pids)
		w.record("%s", describe(err))
		w.recordStat()
		older(time.Second) // pgxpool pings a connection that was idle for a second
		w.record("%s", describe(w.pool.Ping(w.ctx)))
		w.settle(0, 1)
		c := w.acquire()
		w.record("one of the dead: %v", dead[c.Conn()])
		c.Release()
	}, unordered: true},
	{name: "a ping that takes too long", alone: true, configure: func(c *pgxpool.Config, w *fixture) {
		c.PingTimeout, c.MaxConns = 20*time.Millisecond, 1
		slowly(c, w, 300*time.Millisecond)
		c.ShouldPing = func(_ context.Context, p pgxpool.ShouldPingParams) bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			return w.keep["first"] == p.Conn
		}
	}, do: func(w *fixture) {
		c := w.acquire()
		first := c.Conn()
		w.mu.Lock()
		w.keep["first"] = first
		w.mu.Unlock()
		c.Release()
		w.slow(true)
		c = w.acquire()
		w.slow(false)
		w.record("the same: %v", c.Conn() == first)
		c.Release()
		w.record("%d in all", w.pool.Stat().TotalConns())
	}, unordered: true},
	{name: "an acquire canceled while it pings keeps the connection", alone: true, configure: func(c *pgxpool.Config, w *fixture) {
		c.MaxConns = 1
		slowly(c, w, 300*time.Millisecond)
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool {
			w.mu.Lock()
			cancel, ok := w.keep["cancel"].(context.CancelFunc)
			w.mu.Unlock()
			if ok {
				time.AfterFunc(20*time.Millisecond, cancel)
			}
			return true
		}
	}, do: func(w *fixture) {
		c := w.acquire()
		first := c.Conn()
		c.Release()
		ctx, cancel := context.WithCancel(w.ctx)
		w.mu.Lock()
		w.keep["cancel"] = cancel
		w.mu.Unlock()
		w.slow(true)
		_, err := w.pool.Acquire(ctx)
		w.slow(false)
		w.record("%s", describe(err))
		c = w.acquire()
		w.record("the same: %v", c.Conn() == first)
		c.Release()
		rig.Eventually(w.t, "back", func() bool { return w.pool.Stat().AcquiredConns() == 0 })
	}},
}
