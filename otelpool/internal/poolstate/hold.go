package poolstate

import "time"

// Hold is a connection that has been acquired and not released, as it was at one moment.
type Hold struct {
	Acquire *Acquire
	Conn    *Conn
	Since   time.Duration // when Acquire returned, by the pool's clock

	// MaybeHijacked reports whether the connection may have been hijacked. [Snapshot.Doubtful] is how many of these
	// were.
	MaybeHijacked bool
}

// looked is what the last look at a connection saw.
type looked struct {
	hold    time.Duration // the start of the hold
	answers uint32        // how often the server had sent something
	asked   time.Duration // the last look at which no operation ran or an answer had come, or the start of the hold
}

// Look returns whether the server has sent something on the connection since the last look in the same hold, and since
// when the operation that runs has run, 0 if none runs. The latter is early by up to the time between two looks, or more
// if no look came between two operations. Look must not be called concurrently.
func (h Hold) Look(now time.Duration) (answered bool, asked time.Duration) {
	last, answers := &h.Conn.looked, h.Conn.answers()
	if last.hold != h.Since {
		*last = looked{hold: h.Since, asked: h.Since}
	} else if answers != last.answers {
		answered, last.asked = true, now
	}
	last.answers = answers
	if !h.Conn.Activity().Running {
		last.asked = now
		return answered, 0
	}
	return answered, last.asked
}

// answers returns how often the server has sent something on the connection, 0 if that is not known.
func (c *Conn) answers() uint32 {
	if c.origin.Answers == nil {
		return 0
	}
	return c.origin.Answers()
}

// Unit returns the unit of work of the hold: the operation that its caller or scope named, else the first call that
// names it (see [Conn.BeginCall]), else 0.
func (h Hold) Unit() Operation {
	if h.Acquire.Operation != 0 {
		return h.Acquire.Operation
	}
	return activity(h.Conn.activity.Load()).first()
}

// Nested reports whether the goroutine held another connection of the pool in the same scope when the hold began.
func (h Hold) Nested() bool { return h.Acquire.scope != nil && h.Acquire.scope.nested(h.Acquire) }

// Stack returns the program counters of the stack that acquired the connection, the innermost first. It is nil if stacks
// are not kept, or if the hold has ended meanwhile.
func (h Hold) Stack() []uintptr { return h.Conn.stack.get(h.Acquire) }

// MarkReported marks the hold as reported for its length, and reports whether it was marked before.
func (h Hold) MarkReported() bool { return h.Acquire.set(reported) }

// MarkCounted marks the hold as counted for its length, and reports whether it was marked before.
func (h Hold) MarkCounted() bool { return h.Acquire.set(counted) }

// Nested describes an acquire whose goroutine already held a connection of the same pool in the same scope.
type Nested struct {
	Outer Hold // the oldest of those holds
	Waits bool // no slot is free, so the acquire has to wait
}
