package poolstate

import (
	"context"
	"sync/atomic"
	"time"
)

// Phase is a part of the time of an Acquire.
type Phase uint8

// The phases of an Acquire, in the order in which they usually come. Each acquire begins in Queue.
const (
	Queue   Phase = iota // waiting for a slot
	Connect              // dialing, with the BeforeConnect and AfterConnect hooks
	Ping                 // pinging an idle connection
	Prepare              // in the PrepareConn hook
	PhaseCount
)

// Result is how an Acquire ended.
type Result uint8

// The results of an Acquire.
const (
	OK       Result = iota
	Timeout         // the caller's deadline passed
	Canceled        // the caller's context was canceled
	Failed
	ResultCount
)

// Progress is the phase of an acquire and how long after its start the phase began.
type Progress int64

// progressDone is the Progress of an acquire that has ended.
const progressDone Progress = -1

func progressOf(p Phase, after time.Duration) Progress { return Progress(after)<<2 | Progress(p) }

func (p Progress) phase() Phase         { return Phase(p & 3) }
func (p Progress) after() time.Duration { return time.Duration(p >> 2) }

// acquires is the state that the acquires of a pool share. Fields that every event writes are not on the cache lines of
// fields that are only read, and fields that one function writes are together, so events on several processors share
// few cache lines.
type acquires struct {
	now      func() time.Duration
	maxConns atomic.Int64
	stat     atomic.Pointer[func() Stat] // reads the pool's own statistics; nil until Attach

	hijackedHolds atomic.Int64 // holds counted as in use although their connection was hijacked
	peak          peak         // of connections in use
	pendingPeak   peak
	nextVerify    atomic.Int64 // when a peak may be compared with the pool's own statistics again

	_       cacheLine
	slots   slotCounts
	_       cacheLine
	phases  [PhaseCount]atomic.Int64 // nanoseconds
	dialing atomic.Int64             // acquires in the phase Connect
	_       cacheLine
	waiters waiters
}

// cacheLine has the size of a cache line of most processors.
type cacheLine [64]byte

// Acquire is one call of Acquire, and then the hold of the connection that it returned. It is also the context of the
// call, so [Pool.AcquireFrom] finds it in hooks that run meanwhile.
type Acquire struct {
	context.Context

	// Operation is the unit of work that the caller or the scope named, 0 if neither did. It is set before [Pool.End]
	// and not changed afterwards.
	Operation Operation

	flags    atomic.Uint32
	progress atomic.Int64 // a Progress, 0 as the acquire begins; atomic because a dial may outlive its Acquire
	start    time.Duration
	acquires *acquires
	scope    *scope // nil if the caller has none

	// If Phases is not nil, the time of each phase except the queue is added to it. It is set before the acquire is
	// passed on.
	Phases *Phases
}

// Phases is the time of one acquire in each of its phases, in nanoseconds, except that in the queue.
type Phases [PhaseCount]atomic.Int64

// The flags of an Acquire.
const (
	slotted   = 1 << iota // it has a slot of the pool
	untracked             // it returned a connection straight from the queue, so it has no other phases
	succeeded             // it returned a connection after other phases
	reported              // it was reported as a long hold
	counted               // it was counted as one
)

// ScopeName returns the name of the scope of the acquire, "" if there is none.
func (a *Acquire) ScopeName() string {
	if a.scope == nil {
		return ""
	}
	return a.scope.name
}

type acquireKey struct{}

// Value returns the acquire for its own key, else the value of the caller's context.
func (a *Acquire) Value(key any) any {
	if key == (acquireKey{}) {
		return a
	}
	return a.Context.Value(key)
}

// acquireFrom returns the innermost acquire of ctx, nil if there is none.
func acquireFrom(ctx context.Context) *Acquire {
	a, ok := ctx.(*Acquire)
	if !ok {
		a, _ = ctx.Value(acquireKey{}).(*Acquire)
	}
	return a
}

// Foreign returns the context of an acquire of a pool that is not tracked. [Pool.AcquireFrom] finds nothing in it.
func Foreign(ctx context.Context) context.Context { return &Acquire{Context: ctx} }

// IsForeign reports whether the innermost acquire of ctx is of a pool that is not tracked.
func IsForeign(ctx context.Context) bool {
	a := acquireFrom(ctx)
	return a != nil && a.acquires == nil
}

// set sets a flag and reports whether it was set before.
func (a *Acquire) set(flag uint32) bool { return a.flags.Or(flag)&flag != 0 }

func (a *Acquire) is(flag uint32) bool { return a.flags.Load()&flag != 0 }

// wait counts an acquire that begins.
func (a *Acquire) wait() {
	q := a.acquires
	q.waiters.enter(a.start)
	if n := q.excess(q.slots.add(pendingUnit)); n > 0 {
		q.notePending(a.start, n)
	}
}

// excess returns how many slots acquires have or wait for beyond those of the pool.
func (q *acquires) excess(n counts) int64 {
	return n.pending + n.occupied - q.maxConns.Load() - q.hijackedHolds.Load()
}

// taken returns how many open connections acquires have.
func (q *acquires) taken() int64 {
	dialing := q.dialing.Load()
	return q.slots.load().occupied - dialing
}

// full reports whether the pool has no free slot by its own statistics, which include unnoticed hijacks. It returns
// true if the statistics are not known.
func (q *acquires) full() bool {
	s, ok := q.readStat()
	return !ok || s.full()
}

func (q *acquires) readStat() (Stat, bool) {
	if read := q.stat.Load(); read != nil {
		return (*read)(), true
	}
	return Stat{}, false
}

// notePending notes that n acquires wait, unless the pool's own statistics say otherwise.
func (q *acquires) notePending(now time.Duration, n int64) {
	if !q.pendingPeak.rises(now, n) || !q.mayVerify(now) {
		return
	}
	if q.full() {
		q.pendingPeak.note(now, n)
	} else {
		q.postponeVerify(now)
	}
}

// noteInUse notes that n connections are in use, or the number in the pool's own statistics if that is lower because of
// unnoticed hijacks.
func (q *acquires) noteInUse(now time.Duration, n int64) {
	n -= q.hijackedHolds.Load()
	if !q.peak.rises(now, n) || !q.mayVerify(now) {
		return
	}
	if s, ok := q.readStat(); ok && s.Acquired < min(n, q.slots.load().inUse-q.hijackedHolds.Load()) { // else a release meanwhile
		n = s.Acquired
		q.postponeVerify(now)
	}
	q.peak.note(now, n)
}

// verifyInterval is how long no peak is compared with the pool's own statistics after they disagreed. Without it, each
// acquire would read them until the hijack is noticed.
const verifyInterval = 10 * time.Millisecond

func (q *acquires) mayVerify(now time.Duration) bool { return int64(now) >= q.nextVerify.Load() }

func (q *acquires) postponeVerify(now time.Duration) { q.nextVerify.Store(int64(now + verifyInterval)) }

// In reports whether the acquire is in that phase now.
func (a *Acquire) In(p Phase) bool {
	progress := Progress(a.progress.Load())
	return progress != progressDone && progress.phase() == p
}

// Enter notes that the acquire has a slot, and begins its next phase unless it has ended. It returns the progress to pass
// to [Acquire.Requeue] if the acquire loses the slot again.
func (a *Acquire) Enter(next Phase) Progress {
	after := a.acquires.now() - a.start
	a.leaveQueue(after, a.queued(after))
	a.advance(progressOf(next, after), after)
	return Progress(a.progress.Load())
}

// Requeue notes that the acquire lost the slot that it had at the progress from, and waits again. It does nothing if the
// acquire has moved on since. It is called by the goroutine that closes the connection, often after that.
func (a *Acquire) Requeue(from Progress) {
	after := a.acquires.now() - a.start
	next := progressOf(Queue, after)
	if from == progressDone || !a.is(slotted) || !a.step(from, next, after) {
		return
	}
	a.acquires.waiters.enter(a.start)
	a.acquires.slots.add(pendingUnit - occupiedUnit)
	a.flags.And(^uint32(slotted))
	if Progress(a.progress.Load()) != next {
		// The acquire moved on meanwhile, maybe before the flag was cleared. It has a slot.
		a.leaveQueue(after, 0)
	}
}

// standingWait is the wait after which an acquire certainly waits in a full pool. After a shorter one it may just have
// been handed a slot.
const standingWait = 10 * time.Millisecond

// queued returns how long the acquire has been in the queue, a time after its start, 0 if it is not in the queue.
func (a *Acquire) queued(after time.Duration) time.Duration {
	if p := Progress(a.progress.Load()); p != progressDone && p.phase() == Queue {
		return after - p.after()
	}
	return 0
}

// leaveQueue notes that the acquire was handed a connection or a slot to dial in, or gave up: a time after the start,
// and after that long in the queue.
func (a *Acquire) leaveQueue(after, queued time.Duration) {
	if a.set(slotted) {
		return
	}
	q := a.acquires
	q.waiters.leave(a.start)
	n := q.slots.add(occupiedUnit - pendingUnit)
	if queued >= standingWait {
		q.noteWaited(a.start+after, queued, n)
	}
}

// longWait is a wait that a stall of the machine rarely causes.
const longWait = 250 * time.Millisecond

// noteWaited notes, when an acquire leaves the queue, that it and others waited for slots that no acquire has: of
// connections that are being closed, dialed in the background, or taken by AcquireAllIdle. n are the counts after it
// has left. A short wait proves nothing: the acquire may have been handed the last slot and then waited for a
// processor.
func (q *acquires) noteWaited(now, queued time.Duration, n counts) {
	if !q.pendingPeak.rises(now, n.pending+1) {
		return
	}
	s, ok := q.readStat()
	if !ok || !s.full() {
		return
	}
	others := max(0, s.Acquired+s.Constructing-n.occupied)
	if n.pending+n.occupied > q.maxConns.Load()-others || queued >= longWait {
		q.pendingPeak.note(now, n.pending+1)
	}
}

// advance ends the current phase, a time after the start, unless the acquire has ended.
func (a *Acquire) advance(next Progress, after time.Duration) {
	for {
		old := Progress(a.progress.Load())
		if old == progressDone || a.is(untracked) || a.step(old, next, after) {
			return
		}
	}
}

// step ends the phase from, a time after the start, and reports whether it was still the current one.
func (a *Acquire) step(from, next Progress, after time.Duration) bool {
	if !a.progress.CompareAndSwap(int64(from), int64(next)) {
		return false
	}
	// negative if another goroutine made a later step meanwhile
	took := max(0, int64(after-from.after()))
	a.acquires.phases[from.phase()].Add(took)
	if a.Phases != nil && from.phase() != Queue {
		a.Phases[from.phase()].Add(took)
	}
	if from.phase() == Connect {
		a.acquires.dialing.Add(-1)
	}
	if next != progressDone && next.phase() == Connect {
		a.acquires.dialing.Add(1)
	}
	return true
}

// direct reports whether the acquire went straight from the queue to its caller, and marks it so. No other goroutine
// can use such an acquire: one that dials for it or closes its connection has set a flag before.
func (a *Acquire) direct() bool {
	if a.flags.Load() != 0 || a.progress.Load() != 0 {
		return false
	}
	a.flags.Store(slotted | untracked)
	return true
}
