package otelpool

import (
	"context"
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
	if conn != nil {
		return resultOK
	}
	switch reason := ctx.Err(); {
	case reason == nil:
		return resultError
	case is(err, context.DeadlineExceeded) && is(reason, context.DeadlineExceeded):
		return resultTimeout
	case is(err, context.Canceled) && is(reason, context.Canceled):
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

	// progress is the current phase and how long after start it began, or over: zero as the acquire begins. Dialing may
	// outlive the Acquire that began it, hence the atomics.
	progress atomic.Int64
	flags    atomic.Uint32

	recorder *recorder  // of its pool: in a hook of one pool another may be used
	holder   *operation // nil unless the caller named the operation
	scope    *scope     // nil unless the caller has one
}

func (a *acquire) Value(key any) any {
	if key == (acquireKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// acquireOf gives the acquire of the pool that ctx belongs to, nil if there is none.
func (r *recorder) acquireOf(ctx context.Context) *acquire {
	if !r.live.Load() || ctx == nil {
		return nil
	}
	a, ok := ctx.(*acquire)
	if !ok {
		a, ok = ctx.Value(acquireKey{}).(*acquire)
	}
	if !ok || a.recorder != r {
		return nil
	}
	return a
}

// over is the progress of an acquire that has ended.
const over = -1

// The flags of an acquire.
const (
	slotted  = 1 << iota // it has a place of the pool
	reported             // it was reported as a long hold
	direct               // it went from the queue to its caller: it has no phase any more
)

// set sets a flag and tells whether it was set already.
func (a *acquire) set(flag uint32) bool { return a.flags.Or(flag)&flag != 0 }

func (a *acquire) is(flag uint32) bool { return a.flags.Load()&flag != 0 }

func packProgress(p phase, since time.Duration) int64 { return int64(since)<<2 | int64(p) }

// in reports whether an acquire is in that phase now.
func (a *acquire) in(p phase) bool {
	progress := a.progress.Load()
	return progress != over && phase(progress&3) == p
}

// enter notes that an acquire has a place, and begins its next phase unless it is over. It gives its progress, at which it
// may lose the place (see requeue).
func (r *recorder) enter(a *acquire, next phase) int64 {
	r.leaveQueue(a)
	after := r.now() - a.start
	r.progress(a, packProgress(next, after), after)
	return a.progress.Load()
}

// progress ends the current phase, a time after the start, if there is one: not when the acquire is over.
func (r *recorder) progress(a *acquire, next int64, after time.Duration) {
	for {
		old := a.progress.Load()
		if old == over || a.is(direct) || r.step(a, old, next, after) {
			return
		}
	}
}

// step ends a phase, a time after the start, and reports whether it was the current one still.
func (r *recorder) step(a *acquire, from, next int64, after time.Duration) bool {
	if !a.progress.CompareAndSwap(from, next) {
		return false
	}
	r.phases[from&3].Add(max(0, int64(after)-from>>2)) // after may be from before another goroutine's step
	return true
}

func (r *recorder) acquireStart(ctx context.Context) context.Context {
	if ctx == nil || !r.active(ctx, r.histograms.wait) { // pgx panics at one that is nil
		return ctx
	}
	a := &acquire{Context: ctx, recorder: r, start: r.now()}
	r.waiters.enter(a.start)
	if n := r.flow.add(pendingUnit); n.pending+n.occupied > r.maxConns {
		r.pendingPeak.note(a.start, n.pending+n.occupied-r.maxConns-r.ghosts.Load())
	}
	if scopesUsed.Load() {
		r.enterScope(a)
	}
	return a
}

// leaveQueue notes that an acquire has been handed a connection or a place to dial one: it waits no longer.
func (r *recorder) leaveQueue(a *acquire) {
	if !a.set(slotted) {
		r.waiters.leave(a.start)
		r.flow.add(occupiedUnit - pendingUnit)
	}
}

// requeue notes that an acquire lost what it was handed and waits again, if its progress still is the one at which it lost
// it. The goroutine that closes the connection calls it, mostly when the acquire has gone on or is over already.
func (r *recorder) requeue(a *acquire, from int64) {
	after := r.now() - a.start
	next := packProgress(queuePhase, after)
	if from == over || !a.is(slotted) || !r.step(a, from, next, after) {
		return
	}
	r.waiters.enter(a.start)
	r.flow.add(pendingUnit - occupiedUnit)
	a.flags.And(^uint32(slotted))
	if a.progress.Load() != next {
		// It went on meanwhile, and either saw that it waits, or took itself for one that has a place: then it has now.
		r.leaveQueue(a)
	}
}

func (r *recorder) acquireEnd(ctx context.Context, conn *pgx.Conn, err error) {
	a := r.acquireOf(ctx)
	if a == nil {
		return
	}
	now := r.now()
	how := resultOf(ctx, conn, err)
	// One that was handed a connection and did nothing more with it. Nobody else can know of it: those that dial for an
	// acquire, or close what it was handed, have taken it out of the queue before.
	if how == resultOK && a.flags.Load() == 0 && a.progress.Load() == 0 && !r.ended.Load() {
		a.flags.Store(slotted | direct)
		r.waiters.leave(a.start)
		s := r.hold(a, conn, now, inUseUnit+occupiedUnit-pendingUnit)
		s.tally.queued.Add(int64(now - a.start))
		return
	}
	r.progress(a, over, now-a.start)
	r.leaveQueue(a)
	if how != resultOK {
		r.results[how].Add(1)
	}
	if conn == nil && err == nil { // a hook panicked, and pgx never gives the place back: it stays in use
		r.leaked.Add(1)
		r.peak.note(now, r.flow.add(inUseUnit).inUse-r.ghosts.Load())
		return
	}
	if how != resultOK || r.ended.Load() {
		r.flow.add(-occupiedUnit)
		return
	}
	r.hold(a, conn, now, inUseUnit)
}
