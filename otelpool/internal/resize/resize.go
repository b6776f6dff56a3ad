// Package resize makes a pgxpool behave as SQLAlchemy's QueuePool does: it closes connections beyond the pool size when
// they come back, pings each connection before it is handed out, and limits how long an acquire may take. It works by
// hooks and a tracer in the pool's configuration, with or without instrumentation.
package resize

import (
	"context"
	"sync"
	"time"
	"weak"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

// Settings say how a pool behaves.
type Settings struct {
	PoolSize    int
	MaxOverflow int
	PrePing     bool
	Timeout     time.Duration // 0 for no limit

	// TimeoutError returns the error of an acquire that took longer than Timeout. waiting is how many acquires are under
	// way.
	TimeoutError func(pool *pgxpool.Pool, waiting int) error
}

// Install puts hooks into a configuration, around those that it has.
func Install(poolConfig *pgxpool.Config, s Settings) {
	z := &sizer{Settings: s, Tracers: tracerchain.To(poolConfig.ConnConfig.Tracer), pools: make(map[weak.Pointer[pgxpool.Pool]]*poolCounts)}
	poolConfig.ConnConfig.Tracer = z
	if z.PrePing || z.MaxOverflow > 0 {
		poolConfig.ShouldPing = z.shouldPing(poolConfig.ShouldPing)
	}
	if prepareConn := tracerchain.PrepareConn(poolConfig); prepareConn != nil && z.Timeout > 0 {
		poolConfig.PrepareConn = z.prepareConn(prepareConn)
	}
	if z.MaxOverflow > 0 {
		poolConfig.AfterRelease = z.afterRelease(poolConfig.AfterRelease)
		poolConfig.BeforeClose = z.beforeClose(poolConfig.BeforeClose)
	}
}

// PoolSize returns the pool size of a configuration, and false if Install was not called for it.
func PoolSize(poolConfig *pgxpool.Config) (size int, ok bool) {
	z, ok := tracerchain.Find[*sizer](poolConfig.ConnConfig.Tracer)
	if !ok {
		return 0, false
	}
	return z.PoolSize, true
}

// sizer is the tracer by which acquires are seen, and by which a configuration shows that it is sized. One configuration
// may build many pools. It is safe for concurrent use.
type sizer struct {
	tracerchain.Tracers // those that the configuration had before
	Settings

	mu    sync.Mutex
	pools map[weak.Pointer[pgxpool.Pool]]*poolCounts
}

// of returns the counts of a pool.
func (z *sizer) of(pool *pgxpool.Pool) *poolCounts {
	z.mu.Lock()
	defer z.mu.Unlock()
	key := weak.Make(pool)
	if p := z.pools[key]; p != nil {
		return p
	}
	for key := range z.pools {
		if key.Value() == nil {
			delete(z.pools, key)
		}
	}
	p := &poolCounts{pool: key}
	z.pools[key] = p
	return p
}

// shouldPing wraps the hook that pgxpool calls when it hands over a connection.
func (z *sizer) shouldPing(next func(context.Context, pgxpool.ShouldPingParams) bool) func(context.Context, pgxpool.ShouldPingParams) bool {
	return func(ctx context.Context, params pgxpool.ShouldPingParams) bool {
		c := connOf(params.Conn)
		fresh := c.pool == nil && params.IdleDuration <= time.Second // not one opened in the background, long ago
		c.leaveIdle()
		switch {
		case z.PrePing:
			// The user's hook may have other reasons to be called than its answer.
			return next != nil && next(ctx, params) || !fresh
		case next != nil:
			return next(ctx, params)
		}
		return params.IdleDuration > time.Second // what pgxpool does without a hook
	}
}

// afterRelease wraps the hook that decides whether a released connection is kept: it is while fewer than PoolSize are
// idle. A connection on its way to the idle ones counts, so that no more are kept if several come back together.
func (z *sizer) afterRelease(next func(*pgx.Conn) bool) func(*pgx.Conn) bool {
	return func(pc *pgx.Conn) bool {
		if next != nil && !next(pc) {
			return false
		}
		c := connOf(pc)
		if c.idle || c.pool == nil {
			return true // from AcquireAllIdle: it was idle before
		}
		// The pool's own statistics correct the count: a connection that was dialed in the background, or for a caller who
		// gave up, becomes idle without a release.
		if pool := c.pool.pool.Value(); pool != nil {
			switch stat := pool.Stat(); {
			case stat.IdleConns() >= int32(z.PoolSize):
				c.surplus = true
				return false
			case stat.TotalConns() <= int32(z.PoolSize):
				c.pool.idle.Add(1)
				c.idle = true
				return true
			}
		}
		return c.becomeIdle(int64(z.PoolSize))
	}
}

func (z *sizer) beforeClose(next func(*pgx.Conn)) func(*pgx.Conn) {
	return func(pc *pgx.Conn) {
		if c := knownConn(pc); c != nil {
			c.leaveIdle()
		}
		if next != nil {
			next(pc)
		}
	}
}
