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

// looked is what the last look at a connection saw: the start of its hold, and how often the server had sent something.
type looked struct {
	since   time.Duration
	answers uint32
}

// Answered reports whether the server has sent something since the last call, which was in the same hold. It must not be
// called concurrently.
func (h Hold) Answered() bool {
	answers := h.Conn.origin.Answers
	if answers == nil {
		return false
	}
	was := h.Conn.looked
	h.Conn.looked = looked{h.Since, answers()}
	return was.since == h.Since && was.answers != h.Conn.looked.answers
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
