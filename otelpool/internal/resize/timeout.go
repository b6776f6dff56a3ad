package resize

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// timeoutContext is the context of an acquire, with the deadline of the Settings if the caller has no earlier one.
type timeoutContext struct {
	context.Context
	cancel context.CancelFunc // nil if the caller has an earlier deadline
	sizer  *sizer
	pool   *pgxpool.Pool
	counts *poolCounts

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

// Err is what pgxpool returns from an Acquire whose context has ended: the Settings' error if the deadline was theirs.
func (c *timeoutContext) Err() error {
	err := c.Context.Err()
	if c.cancel == nil || err != context.DeadlineExceeded {
		return err
	}
	c.once.Do(func() { c.err = c.sizer.TimeoutError(c.pool, int(c.counts.waiting.Load())) })
	return c.err
}

func (c *timeoutContext) end() {
	c.counts.waiting.Add(-1)
	if c.cancel != nil {
		c.cancel()
	}
}

// timeoutFrom returns the innermost timeoutContext, nil if there is none.
func timeoutFrom(ctx context.Context) *timeoutContext {
	if ctx == nil {
		return nil
	}
	c, _ := ctx.Value(timeoutKey{}).(*timeoutContext)
	return c
}

// plainContext is a timeoutContext with the standard library's own errors. Other code, pgx's too, compares them with ==.
type plainContext struct {
	context.Context
	plain context.Context
}

func (c plainContext) Err() error { return c.plain.Err() }

// prepareConn wraps the hook that may use the connection before the caller gets it, within the limit of the acquire.
func (z *sizer) prepareConn(next func(context.Context, *pgx.Conn) (bool, error)) func(context.Context, *pgx.Conn) (bool, error) {
	return func(ctx context.Context, pc *pgx.Conn) (bool, error) {
		c := timeoutFrom(ctx)
		if c == nil || c.sizer != z || c.cancel == nil {
			return next(ctx, pc)
		}
		ok, err := next(plainContext{ctx, c.Context}, pc)
		if ended := c.Err(); err != nil && ended != nil {
			err = errors.Join(ended, err)
		}
		return ok, err
	}
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (z *sizer) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	ctx = z.Tracers.TraceAcquireStart(ctx, pool, data)
	if z.Timeout == 0 || ctx == nil {
		return ctx
	}
	c := &timeoutContext{Context: ctx, sizer: z, pool: pool, counts: z.of(pool)}
	c.counts.waiting.Add(1)
	if deadline, ok := ctx.Deadline(); !ok || time.Until(deadline) > z.Timeout {
		c.Context, c.cancel = context.WithTimeout(ctx, z.Timeout)
	}
	return c
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (z *sizer) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Conn != nil && (z.MaxOverflow > 0 || z.PrePing) {
		c := connOf(data.Conn)
		if c.pool == nil {
			c.pool = z.of(pool)
		}
		if z.MaxOverflow > 0 {
			c.beHeld()
			c.tighten(&z.loose)
		}
	}
	// A hook of this pool may use another pool, so the context found may be that pool's.
	if c := timeoutFrom(ctx); c != nil && c.sizer == z && c.pool == pool {
		defer c.end() // even if the program's tracer panics
	}
	z.Tracers.TraceAcquireEnd(ctx, pool, data)
}
