// Package resize makes a pgxpool behave as SQLAlchemy's QueuePool does: it closes connections beyond the pool size when
// they come back, pings each connection before it is handed out, and limits how long an acquire may take. It works by
// hooks and a tracer in the pool's configuration, with or without instrumentation.
package resize

import (
	"context"
	"sync"
	"sync/atomic"
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
//
//go:noinline
func Install(poolConfig *pgxpool.Config, s Settings) {
	z := &sizer{Settings: s, Tracers: tracerchain.To(poolConfig.ConnConfig.Tracer), pools: make(map[weak.Pointer[pgxpool.Pool]]*poolCounts)}
	poolConfig.ConnConfig.Tracer = z
	poolConfig.BeforeConnect = beforeConnect(poolConfig.BeforeConnect)
	if z.PrePing || z.MaxOverflow > 0 {
		poolConfig.ShouldPing = z.shouldPing(poolConfig.ShouldPing)
	}
	if prepareConn := tracerchain.PrepareConn(poolConfig); prepareConn != nil && z.Timeout > 0 {
		poolConfig.PrepareConn = z.prepareConn(prepareConn)
	}
	if z.MaxOverflow > 0 {
		if next := poolConfig.AfterRelease; next != nil {
			z.userReleases = true
			poolConfig.AfterRelease = z.afterRelease(next)
		}
		poolConfig.AfterConnect = z.afterConnect(poolConfig.AfterConnect)
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

// sizer is the tracer that sees acquires, and marks a configuration as sized. One configuration may build many pools.
// It is safe for concurrent use.
type sizer struct {
	tracerchain.Tracers // those of the configuration before Install
	Settings
	userReleases bool         // the configuration has an AfterRelease, which decides first
	loose        atomic.Int64 // connections that may become idle without a release: new, or handed out and not acquired yet

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
		fresh := c.pool == nil && params.IdleDuration <= time.Second // not one that was opened in the background long ago
		c.leaveIdle()
		if z.MaxOverflow > 0 {
			c.loosen(&z.loose)
		}
		switch {
		case z.PrePing:
			// The user's hook may have side effects, so it is called even though its answer does not matter.
			return next != nil && next(ctx, params) || !fresh
		case next != nil:
			return next(ctx, params)
		}
		return params.IdleDuration > time.Second // what pgxpool does without a hook
	}
}

// beforeConnect wraps the hook that pgxpool calls before it dials. It adds nothing: marked recognizes a sized
// configuration by this hook.
func beforeConnect(next func(context.Context, *pgx.ConnConfig) error) func(context.Context, *pgx.ConnConfig) error {
	return func(ctx context.Context, config *pgx.ConnConfig) error {
		if next == nil {
			return nil
		}
		return next(ctx, config)
	}
}

// afterConnect wraps the hook that can still reject a new connection.
func (z *sizer) afterConnect(next func(context.Context, *pgx.Conn) error) func(context.Context, *pgx.Conn) error {
	return func(ctx context.Context, pc *pgx.Conn) error {
		if next != nil {
			if err := next(ctx, pc); err != nil {
				return err
			}
		}
		connOf(pc).loosen(&z.loose)
		return nil
	}
}

// TraceRelease implements pgxpool.ReleaseTracer. It comes before pgxpool examines the connection, on the goroutine of the
// caller. So the connection of a caller who acquires right afterwards is idle by then.
func (z *sizer) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	z.Tracers.TraceRelease(pool, data)
	if z.MaxOverflow > 0 && !z.userReleases && !closes(data.Conn) && !z.keeps(data.Conn) {
		connOf(data.Conn).finish(data.Conn)
	}
}

// closes reports whether pgxpool closes a connection that is being released because of its state.
func closes(pc *pgx.Conn) bool {
	return pc.IsClosed() || pc.PgConn().IsBusy() || pc.PgConn().TxStatus() != 'I'
}

// afterRelease wraps the user's hook that decides whether a released connection is kept.
func (z *sizer) afterRelease(next func(*pgx.Conn) bool) func(*pgx.Conn) bool {
	return func(pc *pgx.Conn) bool { return next(pc) && z.keeps(pc) }
}

// keeps reports whether a connection that is being released is kept.
func (z *sizer) keeps(pc *pgx.Conn) bool {
	c := connOf(pc)
	if c.pool == nil {
		return true // from AcquireAllIdle, and never acquired: it was idle before
	}
	pool := c.pool.pool.Value()
	return pool == nil || c.release(pool, z.PoolSize, z.loose.Load() > 0)
}

// beforeClose wraps the hook that pgxpool calls when it closes a connection.
func (z *sizer) beforeClose(next func(*pgx.Conn)) func(*pgx.Conn) {
	return func(pc *pgx.Conn) {
		if c := knownConn(pc); c != nil {
			c.tighten(&z.loose)
			c.leave()
			c.unfinish()
		}
		if next != nil {
			next(pc)
		}
	}
}
