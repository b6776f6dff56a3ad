package poolstate

import (
	"sync/atomic"
	"time"
)

// Conn is the state of one connection. It belongs to whoever owns the connection, so most of it needs no lock. Whatever
// others read while the connection is in use is atomic or has a lock. It ends with the connection, also if that was
// hijacked.
type Conn struct {
	held     atomic.Pointer[Acquire] // the hold, nil if it is not held
	counters *connCounters
	activity atomic.Uint64           // an activity
	pinged   atomic.Pointer[Acquire] // the acquire for which the connection is pinged, nil if it is not
	pingedAt atomic.Int64            // the Progress of that acquire then
	pooled   atomic.Bool             // a pool has opened it
	stack    holdStack
	calls    calls
}

// connCounters is what is counted on one connection. They are written by the owner of the connection alone, so that
// events on several processors do not share a cache line. They are apart from the Conn because they outlive it.
type connCounters struct {
	since    atomic.Int64 // when the hold began, 0 if it is not held
	acquired atomic.Int64 // acquires that returned it
	queued   atomic.Int64 // nanoseconds that direct acquires waited for it
	busy     atomic.Int64 // nanoseconds in which a call ran while it was held
	_        [4]int64     // to the end of a cache line
}

// activity is what has run on a connection since it was acquired, in one word, so that a call costs one store. The lower
// half is the operation that runs, or ran last, and whether it runs; 0 means none. The upper half is the first operation
// that names the hold, 0 if there was none.
type activity uint64

func activityOf(first, op Operation, running bool) activity {
	a := activity(first)<<32 | activity(op)<<1
	if running && op != 0 {
		a |= 1
	}
	return a
}

func (a activity) first() Operation { return Operation(a >> 32) }
func (a activity) last() Operation  { return Operation(uint32(a) >> 1) }
func (a activity) running() bool    { return a&1 != 0 }

// hold publishes a hold that begins now.
func (c *Conn) hold(a *Acquire, now time.Duration) {
	c.counters.since.Store(max(1, int64(now)))
	c.held.Store(a)
}

// endHold ends the hold and returns it with its start, nil if there was none.
func (c *Conn) endHold() (*Acquire, time.Duration) {
	a := c.held.Swap(nil)
	if a == nil {
		return nil, 0
	}
	since := c.counters.since.Load()
	c.counters.since.Store(0)
	return a, time.Duration(since)
}

// dropHold ends a hold from another goroutine and reports whether it was still that one.
func (c *Conn) dropHold(a *Acquire) bool {
	if !c.held.CompareAndSwap(a, nil) {
		return false
	}
	c.counters.since.Store(0)
	return true
}

// since returns when the hold began, 0 if it is not held.
func (c *Conn) since() time.Duration { return time.Duration(c.counters.since.Load()) }

// reset forgets what the holder before left behind.
func (c *Conn) reset() {
	c.calls.reset()
	if c.activity.Load() != 0 { // a load costs less than a store
		c.activity.Store(0)
	}
	if c.pinged.Load() != nil {
		c.pinged.Store(nil)
	}
}

// Pinging notes that the connection is pinged for an acquire at that progress. If the pool closes it next, the ping has
// failed and the acquire waits again. The owner of the connection calls it.
func (c *Conn) Pinging(a *Acquire, at Progress) {
	c.pingedAt.Store(int64(at))
	c.pinged.Store(a)
}

// Inside reports whether the innermost running call is of that kind. The owner of the connection calls it.
func (c *Conn) Inside(kind CallKind) bool { return c.calls.inside(kind) != nil }

// Idle reports whether no call runs. The owner of the connection calls it.
func (c *Conn) Idle() bool { return c.calls.depth <= 0 }

// BeginCall starts a call at now. op is 0 if the call is not recorded. names reports whether op may name the hold: it is
// work, and not control of a transaction. The owner of the connection calls it.
func (c *Conn) BeginCall(kind CallKind, op Operation, names bool, now time.Duration) {
	first := activity(c.activity.Load()).first()
	if first == 0 && names {
		first = op
	}
	c.activity.Store(uint64(activityOf(first, op, true)))
	c.calls.push(call{kind, op, now})
}

// EndCall ends the innermost call if it is of that kind, and returns its operation and how long it took. ok is false if
// there is no such call or it is not recorded. The owner of the connection calls it.
func (c *Conn) EndCall(kind CallKind, now time.Duration) (op Operation, took time.Duration, ok bool) {
	ended, ok := c.calls.pop(kind)
	if !ok || ended.operation == 0 {
		return 0, 0, false
	}
	c.settle(ended.operation)
	took = now - ended.start
	if c.calls.depth == 0 && c.held.Load() != nil {
		c.counters.busy.Add(int64(took))
	}
	return ended.operation, took, true
}

// CancelCall ends the innermost call if it is of that kind, as if it had not run. The owner of the connection calls it.
func (c *Conn) CancelCall(kind CallKind) {
	if ended, ok := c.calls.pop(kind); ok {
		c.settle(ended.operation)
	}
}

// settle publishes what runs after a call has ended: the call around it, or none.
func (c *Conn) settle(ended Operation) {
	first := activity(c.activity.Load()).first()
	if around := c.calls.innermost(); around != nil {
		c.activity.Store(uint64(activityOf(first, around.operation, true)))
	} else {
		c.activity.Store(uint64(activityOf(first, ended, false)))
	}
}

// Activity returns the operation that runs on the connection, or ran last, and whether it runs. The operation is 0 if
// none has run since the connection was acquired.
func (c *Conn) Activity() (op Operation, running bool) {
	a := activity(c.activity.Load())
	return a.last(), a.running()
}
