package poolstate

import (
	"sync/atomic"
	"time"
)

// Conn is the state of one connection. It belongs to the owner of the connection, so most of it needs no lock. Fields
// that others read while the connection is in use are atomic or guarded by a lock. It ends with the connection, even if
// that was hijacked.
type Conn struct {
	held     atomic.Pointer[Acquire] // the hold, nil if it is not held
	aside    atomic.Pointer[Acquire] // the hold that ended by an assumed hijack, nil if none did
	asideAt  atomic.Int64            // when that hold began
	counters *connCounters
	activity atomic.Uint64           // an activity
	pinged   atomic.Pointer[Acquire] // the acquire for which the connection is pinged, nil if it is not
	pingedAt atomic.Int64            // the Progress of that acquire then
	answered atomic.Bool             // it has answered that ping
	pooled   atomic.Bool             // a pool has opened it
	origin   Origin
	looked   looked
	stack    holdStack
	calls    calls
	used     use
}

// Origin is what is known of a connection when it is opened.
type Origin struct {
	ProcessID uint32        // of the server's process
	Waits     func() bool   // reports whether the program waits for the server; nil if that is not known
	Answers   func() uint32 // returns how often something has come from the server; nil if that is not known
}

// Origin returns what was known of the connection when it was opened.
func (c *Conn) Origin() Origin { return c.origin }

// connCounters are the counters of one connection. Only the owner of the connection writes them, so events on several
// processors share no cache line. They are separate from the Conn because they outlive it.
type connCounters struct {
	since    atomic.Int64 // when the hold began, 0 if it is not held
	acquired atomic.Int64 // acquires that returned it
	queued   atomic.Int64 // nanoseconds that direct acquires waited for it
	_        [5]int64     // to the end of a cache line
}

// activity is what has run on a connection since it was acquired, in one word, so that a call costs one store. The
// upper half is the first operation that names the hold, 0 if there is none. The lower half is the operation that runs
// or ran last, 0 if there is none, and the flags.
type activity uint64

// The flags in the lower half of an activity.
const (
	runningFlag activity = 1 << iota
	listenFlag
	transactionFlag // a transaction is open, as of the last call that ended
	flagBits        = iota
)

func activityOf(first, op Operation, flags activity) activity {
	return activity(first)<<32 | activity(op)<<flagBits | flags
}

func (a activity) first() Operation { return Operation(a >> 32) }
func (a activity) last() Operation  { return Operation(uint32(a) >> flagBits) }
func (a activity) running() bool    { return a&runningFlag != 0 && a.last() != 0 }
func (a activity) listens() bool    { return a&listenFlag != 0 }

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

// setAside ends the hold a from another goroutine and keeps it for takeBack. It reports whether a was still the hold.
func (c *Conn) setAside(a *Acquire, since time.Duration) bool {
	c.asideAt.Store(int64(since))
	c.aside.Store(a)
	if !c.held.CompareAndSwap(a, nil) {
		c.aside.CompareAndSwap(a, nil)
		return false
	}
	c.counters.since.CompareAndSwap(int64(since), 0) // unless it was released and acquired again meanwhile
	return true
}

// takeBack returns the hold that was set aside and its start, nil if there is none.
func (c *Conn) takeBack() (*Acquire, time.Duration) {
	if c.aside.Load() == nil {
		return nil, 0
	}
	since := time.Duration(c.asideAt.Load())
	return c.aside.Swap(nil), since
}

// since returns when the hold began, 0 if it is not held.
func (c *Conn) since() time.Duration { return time.Duration(c.counters.since.Load()) }

// reset clears the state of the previous holder.
func (c *Conn) reset() {
	c.calls.reset()
	c.used = use{}
	if c.activity.Load() != 0 { // a load costs less than a store
		c.activity.Store(0)
	}
	if c.pinged.Load() != nil {
		c.pinged.Store(nil)
	}
}

// Pinging notes that the connection is pinged for an acquire at that progress. If the pool closes it before it answers,
// the ping has failed and the acquire waits again. The owner of the connection calls it.
func (c *Conn) Pinging(a *Acquire, at Progress) {
	c.pingedAt.Store(int64(at))
	c.answered.Store(false)
	c.pinged.Store(a)
}

// Pinged reports whether the connection was pinged and has not been held since. The owner of the connection calls it.
func (c *Conn) Pinged() bool { return c.pinged.Load() != nil }

// Answered notes that the connection has answered the ping, if there was one. The owner of the connection calls it.
func (c *Conn) Answered() { c.answered.Store(true) }

// Inside reports whether the innermost running call is of that kind. The owner of the connection calls it.
func (c *Conn) Inside(kind CallKind) bool { return c.calls.inside(kind) != nil }

// Note returns the note of the innermost running call if it is of that kind, nil if there is none. The owner of the
// connection calls it.
func (c *Conn) Note(kind CallKind) Note {
	if innermost := c.calls.inside(kind); innermost != nil {
		return innermost.note
	}
	return nil
}

// Idle reports whether no call runs. The owner of the connection calls it.
func (c *Conn) Idle() bool { return c.calls.depth <= 0 }

// BeginCall starts a call at now. op is 0 if the call is not recorded, and note nil if there is none. The owner of the
// connection calls it.
func (c *Conn) BeginCall(kind CallKind, op Operation, does Role, now time.Duration, note Note) {
	was := activity(c.activity.Load())
	first := was.first()
	if first == 0 && does != RoleControl {
		first = op
	}
	flags := runningFlag | was&(transactionFlag|listenFlag)
	if does == RoleListen {
		flags |= listenFlag
	}
	c.activity.Store(uint64(activityOf(first, op, flags)))
	c.calls.push(call{kind, op, now, note})
}

// Ended is a call that has ended.
type Ended struct {
	Operation Operation
	Took      time.Duration
	Note      Note // nil if there is none
}

// EndCall ends the innermost call of that kind, and returns it. ok is false if there is no such call or it is not
// recorded. inTransaction reports whether a transaction is open now. The owner of the connection calls it.
func (c *Conn) EndCall(kind CallKind, inTransaction bool, now time.Duration) (e Ended, ok bool) {
	ended, ok := c.calls.pop(kind)
	var alone time.Duration
	if !ok {
		ended, alone, ok = c.calls.popOuter(kind)
	}
	if !ok || ended.operation == 0 {
		return Ended{}, false
	}
	c.settle(ended.operation, inTransaction)
	took := now - ended.start
	if c.calls.depth == 0 && c.held.Load() != nil {
		c.used.busy += took
		c.used.operations++
	} else if alone > 0 && c.held.Load() != nil {
		c.used.busy += alone // the inner call counts the rest
	}
	return Ended{ended.operation, took, ended.note}, true
}

// CancelCall ends the innermost call if it is of that kind, without counting it. The owner of the connection calls it.
func (c *Conn) CancelCall(kind CallKind) {
	if ended, ok := c.calls.pop(kind); ok {
		ended.forget()
		c.settle(ended.operation, activity(c.activity.Load())&transactionFlag != 0)
	}
}

// ForgetCalls forgets calls that never ended, of a connection that is closed without a [Pool.Release]. The owner of the
// connection calls it.
func (c *Conn) ForgetCalls() { c.calls.reset() }

// settle publishes the call that runs after another has ended: the one around it, or none.
func (c *Conn) settle(ended Operation, inTransaction bool) {
	was := activity(c.activity.Load())
	last, flags := ended, was&listenFlag
	if around := c.calls.innermost(); around != nil {
		last, flags = around.operation, flags|runningFlag
	}
	if inTransaction {
		flags |= transactionFlag
	}
	c.activity.Store(uint64(activityOf(was.first(), last, flags)))
}

// Unit returns the unit of work of the hold of the connection, 0 if it is not held or has none. The owner of the connection
// calls it.
func (c *Conn) Unit() Operation {
	if a := c.held.Load(); a != nil {
		return Hold{Acquire: a, Conn: c}.Unit()
	}
	return 0
}

// listens reports whether the holder has begun to listen for notifications.
func (c *Conn) listens() bool { return activity(c.activity.Load()).listens() }

// Activity is what a held connection does.
type Activity struct {
	Last    Operation // the operation that runs or ran last in this hold, 0 if none did or it is unknown
	Running bool      // it runs, and the program waits for the server

	// Open reports whether it runs but the program does not wait for the server: rows or a batch are open. It is false
	// if that is unknown.
	Open bool

	InTransaction bool // a transaction is open, as of the last operation that ended
	Listens       bool // an operation of the hold has begun to listen for notifications
}

// Activity returns what the connection does.
func (c *Conn) Activity() Activity {
	a := activity(c.activity.Load())
	does := Activity{Last: a.last(), Running: a.running(), InTransaction: a&transactionFlag != 0, Listens: a.listens()}
	if waits := c.origin.Waits; waits != nil && waits() != does.Running {
		switch {
		case does.Running:
			does.Running, does.Open = false, true
		case !does.Listens: // a method of pgconn.PgConn runs, which has no event
			does.Last, does.Running = 0, true
		}
	}
	return does
}
