package otelpool

import (
	"context"
	"errors"
	"slices"
	"sync"
	"sync/atomic"
	"time"
	"weak"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// sizer makes a pool behave by its Sizing, with or without instrumentation. It is a tracer, so that it sees acquires and
// is found in the configuration, and passes all events on. One configuration may build many pools. It is safe for
// concurrent use.
type sizer struct {
	tracers // those that the configuration had before
	Sizing

	mu      sync.Mutex
	shelves map[weak.Pointer[pgxpool.Pool]]*shelf
}

// shelf knows how many connections of a pool are idle, also those on their way there.
type shelf struct {
	pool    weak.Pointer[pgxpool.Pool]
	idle    atomic.Int64
	waiting atomic.Int64 // acquires that are under way
}

// shelfKey is where a connection's place lies in PgConn().CustomData().
const shelfKey = "otelpool.sizing"

// place is what the sizer knows of a connection. It belongs to whoever owns the connection.
type place struct {
	shelf   *shelf // of its pool, nil until it was first acquired
	idle    bool   // it counts on the shelf
	surplus bool   // it is closed because enough are idle
}

// placeOf gives the place of a connection and makes it at first sight.
func placeOf(conn *pgx.Conn) *place {
	if p := knownPlace(conn); p != nil {
		return p
	}
	p := new(place)
	if data := conn.PgConn().CustomData(); data != nil {
		data[shelfKey] = p
	}
	return p
}

// knownPlace gives the place of a connection, nil if it has none.
func knownPlace(conn *pgx.Conn) *place {
	p, _ := conn.PgConn().CustomData()[shelfKey].(*place)
	return p
}

func newSizer(s Sizing) *sizer {
	return &sizer{Sizing: s, shelves: make(map[weak.Pointer[pgxpool.Pool]]*shelf)}
}

func (z *sizer) install(poolConfig *pgxpool.Config) {
	z.tracers = tracersOf(poolConfig.ConnConfig.Tracer)
	poolConfig.ConnConfig.Tracer = z
	if z.PrePing || z.MaxOverflow > 0 {
		poolConfig.ShouldPing = z.shouldPing(poolConfig.ShouldPing)
	}
	if prepareConn := prepareConnOf(poolConfig); prepareConn != nil && z.Timeout > 0 {
		poolConfig.PrepareConn = z.prepareConn(prepareConn)
	}
	if z.MaxOverflow > 0 {
		poolConfig.AfterRelease = z.afterRelease(poolConfig.AfterRelease)
		poolConfig.BeforeClose = z.beforeClose(poolConfig.BeforeClose)
	}
}

// of gives the shelf of a pool.
func (z *sizer) of(pool *pgxpool.Pool) *shelf {
	z.mu.Lock()
	defer z.mu.Unlock()
	key := weak.Make(pool)
	if s := z.shelves[key]; s != nil {
		return s
	}
	for key := range z.shelves {
		if key.Value() == nil {
			delete(z.shelves, key)
		}
	}
	s := &shelf{pool: key}
	z.shelves[key] = s
	return s
}

// shouldPing wraps the hook that is called when a connection is handed over.
func (z *sizer) shouldPing(next func(context.Context, pgxpool.ShouldPingParams) bool) func(context.Context, pgxpool.ShouldPingParams) bool {
	return func(ctx context.Context, params pgxpool.ShouldPingParams) bool {
		p := placeOf(params.Conn)
		fresh := p.shelf == nil && params.IdleDuration <= time.Second // not one opened in the background, long ago
		p.take()
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

// take notes that the connection leaves the shelf.
func (p *place) take() {
	if p.idle {
		p.idle = false
		p.shelf.idle.Add(-1)
	}
}

// afterRelease wraps the hook that decides what becomes of a connection that came back: it is kept while fewer than
// PoolSize are idle. One that is on its way to the shelf counts, so that of several that come back at once no more are
// kept.
func (z *sizer) afterRelease(next func(*pgx.Conn) bool) func(*pgx.Conn) bool {
	return func(conn *pgx.Conn) bool {
		if next != nil && !next(conn) {
			return false
		}
		p := placeOf(conn)
		if p.idle || p.shelf == nil {
			return true // from AcquireAllIdle: it was idle before
		}
		// What pgxpool knows corrects what is counted: connections that were dialed for a caller who gave up, or in the
		// background, become idle without a release.
		if pool := p.shelf.pool.Value(); pool != nil {
			switch stat := pool.Stat(); {
			case stat.IdleConns() >= int32(z.PoolSize):
				p.surplus = true
				return false
			case stat.TotalConns() <= int32(z.PoolSize):
				p.shelf.idle.Add(1)
				p.idle = true
				return true
			}
		}
		for {
			idle := p.shelf.idle.Load()
			if idle >= int64(z.PoolSize) {
				p.surplus = true
				return false
			}
			if p.shelf.idle.CompareAndSwap(idle, idle+1) {
				p.idle = true
				return true
			}
		}
	}
}

func (z *sizer) beforeClose(next func(*pgx.Conn)) func(*pgx.Conn) {
	return func(conn *pgx.Conn) {
		if p := knownPlace(conn); p != nil {
			p.take()
		}
		if next != nil {
			next(conn)
		}
	}
}

// timeoutContext is that of an acquire, with the deadline of the Sizing if the caller has no earlier one.
type timeoutContext struct {
	context.Context
	cancel context.CancelFunc // nil if the caller has an earlier deadline
	sizer  *sizer
	pool   *pgxpool.Pool
	shelf  *shelf

	once sync.Once
	err  error
}

type timeoutKey struct{}

func (c *timeoutContext) Value(key any) any {
	if key == (timeoutKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// Err is what pgxpool returns from an Acquire whose context has ended: an error of ours if the deadline was ours.
func (c *timeoutContext) Err() error {
	err := c.Context.Err()
	if c.cancel == nil || err != context.DeadlineExceeded {
		return err
	}
	c.once.Do(func() {
		stat, cc := c.pool.Stat(), c.pool.Config().ConnConfig
		c.err = &AcquireTimeoutError{
			Pool:    defaultPoolName(cc),
			Timeout: c.sizer.Timeout,
			InUse:   int(stat.AcquiredConns()),
			Max:     int(stat.MaxConns()),
			Waiting: int(c.shelf.waiting.Load()),
		}
	})
	return c.err
}

// Is makes the error what it stands for.
func (e *AcquireTimeoutError) Is(target error) bool {
	return slices.Contains([]error{ErrAcquireTimeout, context.DeadlineExceeded}, target)
}

// plainContext is a timeoutContext with the standard library's own errors, which code compares with ==, pgx's too.
type plainContext struct {
	context.Context
	plain context.Context
}

func (c plainContext) Err() error { return c.plain.Err() }

// prepareConn wraps the hook that may use the connection before the caller gets it, within the limit of the acquire.
func (z *sizer) prepareConn(next func(context.Context, *pgx.Conn) (bool, error)) func(context.Context, *pgx.Conn) (bool, error) {
	return func(ctx context.Context, conn *pgx.Conn) (bool, error) {
		c := timeoutOf(ctx)
		if c == nil || c.sizer != z || c.cancel == nil {
			return next(ctx, conn)
		}
		ok, err := next(plainContext{ctx, c.Context}, conn)
		if ended := c.Err(); err != nil && ended != nil {
			err = errors.Join(ended, err)
		}
		return ok, err
	}
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (z *sizer) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	ctx = z.tracers.TraceAcquireStart(ctx, pool, data)
	if z.Timeout == 0 || ctx == nil {
		return ctx
	}
	c := &timeoutContext{Context: ctx, sizer: z, pool: pool, shelf: z.of(pool)}
	c.shelf.waiting.Add(1)
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > z.Timeout {
		c.Context, c.cancel = context.WithTimeout(ctx, z.Timeout)
	}
	return c
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (z *sizer) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Conn != nil && (z.MaxOverflow > 0 || z.PrePing) {
		if p := placeOf(data.Conn); p.shelf == nil {
			p.shelf = z.of(pool)
		}
	}
	// Another pool may be used in a hook of this one: what is found may be that one's.
	if c := timeoutOf(ctx); c != nil && c.sizer == z && c.pool == pool {
		defer c.end() // whatever the program's tracer does
	}
	z.tracers.TraceAcquireEnd(ctx, pool, data)
}

func (c *timeoutContext) end() {
	c.shelf.waiting.Add(-1)
	if c.cancel != nil {
		c.cancel()
	}
}

// timeoutOf gives the innermost timeoutContext, nil if there is none.
func timeoutOf(ctx context.Context) *timeoutContext {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(timeoutKey{}).(*timeoutContext)
	return c
}
