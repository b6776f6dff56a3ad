package otelpool

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
)

// phase is where the time of an Acquire goes.
type phase uint8

const (
	queuePhase   phase = iota // waiting for a place
	connectPhase              // dialing, with the BeforeConnect and AfterConnect hooks
	pingPhase                 // asking an idle connection whether it lives
	preparePhase              // in the PrepareConn hook
	phaseCount
)

var phaseNames = [phaseCount]string{"queue", "connect", "ping", "prepare"}

// result is how an Acquire ended.
type result uint8

const (
	resultOK       result = iota
	resultTimeout         // the caller's deadline passed
	resultCanceled        // the caller's context was canceled
	resultError
	resultCount
)

var resultNames = [resultCount]string{"ok", "timeout", "canceled", "error"}

// resultOf tells how an Acquire ended. A dial that took too long also says DeadlineExceeded, but then the caller's time
// is not up. conn and err are both nil if a PrepareConn hook panicked.
func resultOf(ctx context.Context, conn *pgx.Conn, err error) result {
	switch ended := ctx.Err(); {
	case conn != nil:
		return resultOK
	case errors.Is(err, context.DeadlineExceeded) && errors.Is(ended, context.DeadlineExceeded):
		return resultTimeout
	case errors.Is(err, context.Canceled) && errors.Is(ended, context.Canceled):
		return resultCanceled
	}
	return resultError
}

type acquireKey struct{}

// acquire is an Acquire, carried by its context to the hooks that pgxpool calls meanwhile, and then the hold of the
// connection that it got. What the hold says is set before it is published in the connection's state, and not changed
// after, so that it may be read while the connection is in use.
type acquire struct {
	context.Context
	start time.Duration

	// progress is the current phase and since when, ended once the Acquire is over. Dialing may outlive the Acquire that
	// began it, hence the atomics.
	progress atomic.Int64
	waiter   atomic.Int32 // where waiters has it
	slotted  atomic.Bool  // it has a place of the pool
	reported atomic.Bool  // as a long hold

	since  time.Duration // the end of the Acquire
	holder *operation    // nil unless the caller named the operation
	scope  *scope        // nil unless the caller has one
}

func (a *acquire) Value(key any) any {
	if key == (acquireKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// acquireOf gives the acquire that ctx belongs to, nil if there is none.
func acquireOf(ctx context.Context) *acquire {
	if a, ok := ctx.(*acquire); ok {
		return a
	}
	a, _ := ctx.Value(acquireKey{}).(*acquire)
	return a
}

const ended = -1

func packProgress(p phase, since time.Duration) int64 { return int64(since)<<2 | int64(p) }

func (a *acquire) phase() phase { return phase(a.progress.Load() & 3) }

// enter begins the next phase of an acquire that is not over.
func (r *recorder) enter(a *acquire, next phase, now time.Duration) {
	r.progress(a, packProgress(next, now), now)
}

// progress ends the current phase.
func (r *recorder) progress(a *acquire, next int64, now time.Duration) {
	for {
		old := a.progress.Load()
		if old == ended {
			return
		}
		if a.progress.CompareAndSwap(old, next) {
			r.phases[old&3].Add(int64(now) - old>>2)
			return
		}
	}
}

func (r *recorder) acquireStart(ctx context.Context) context.Context {
	if !r.active(ctx) {
		return ctx
	}
	a := &acquire{Context: ctx, start: r.now()}
	a.progress.Store(packProgress(queuePhase, a.start))
	a.waiter.Store(r.waiters.enter(a))
	if n := r.flow.add(pendingUnit); n.pending+n.occupied > r.maxConns {
		r.pendingPeak.note(a.start, n.pending+n.occupied-r.maxConns)
	}
	if scopesUsed.Load() {
		r.enterScope(a)
	}
	return a
}

// leaveQueue notes that an acquire has been handed a connection or a place to dial one: it waits no longer.
func (r *recorder) leaveQueue(a *acquire) {
	if !a.slotted.Swap(true) {
		r.waiters.leave(a, a.waiter.Load())
		r.flow.add(occupiedUnit - pendingUnit)
	}
}

// requeue notes that an acquire lost what it was handed and waits again.
func (r *recorder) requeue(a *acquire) {
	if a.slotted.Load() {
		a.waiter.Store(r.waiters.enter(a))
		r.flow.add(pendingUnit - occupiedUnit)
		a.slotted.Store(false)
		r.enter(a, queuePhase, r.now())
	}
}

func (r *recorder) acquireEnd(ctx context.Context, conn *pgx.Conn, err error) {
	a := acquireOf(ctx)
	if a == nil {
		return
	}
	now := r.now()
	r.progress(a, ended, now)
	how := resultOf(ctx, conn, err)
	r.results[how].Add(1)
	r.leaveQueue(a)
	if how != resultOK || r.ended.Load() {
		r.flow.add(-occupiedUnit)
		return
	}
	r.histograms.wait.Record(a.Context, seconds(now-a.start), r.poolOpts...)
	r.hold(a, conn, now)
}
