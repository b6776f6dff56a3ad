package otelpool

import (
	"time"

	"github.com/jackc/pgx/v5"
)

// hold begins the time in which the caller of an acquire has the connection, whose state it gives, and moves the caller in
// the flow.
func (r *recorder) hold(a *acquire, conn *pgx.Conn, now time.Duration, units int64) *connState {
	s := r.stateOf(conn)
	s.tally.acquired.Add(1)
	s.reset()
	if name := operationName(a.Context); name != "" {
		a.holder = r.ops.named(name)
	}
	if a.scope != nil {
		a.scope.add(r, a, s)
	}
	if r.stacks {
		s.captureStack(a)
	}
	s.take(a, now)
	r.peak.note(now, r.flow.add(units).inUse-r.ghosts.Load())
	r.wait.record(a.Context, seconds(now-a.start))
	return s
}

// release ends it. AcquireAllIdle calls no tracer, so a release can come without a hold.
func (r *recorder) release(conn *pgx.Conn) {
	s := r.stateOf(conn)
	a, since := s.giveBack()
	s.depth = 0 // what did not end never will
	if a == nil {
		if !r.ended.Load() {
			r.noteOutcome(conn, s, nil, 0)
		}
		return
	}
	now := r.now()
	r.peak.note(now, r.flow.add(-inUseUnit-occupiedUnit).inUse+1-r.ghosts.Load())
	if a.scope != nil {
		a.scope.remove(a)
	}
	if r.ended.Load() {
		return
	}
	to := &r.use
	if a.holder != nil {
		to = &a.holder.use
	}
	age := now - since
	to.record(a.Context, seconds(age))
	r.noteOutcome(conn, s, a, age)
	if r.longHold > 0 && age >= r.longHold {
		r.longHoldEnded(s, a, age)
	}
	if r.stacks {
		s.dropStack()
	}
}
