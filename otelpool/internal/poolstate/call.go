package poolstate

import "time"

// Operation is the number by which the owner of a [Pool] knows the name of an operation. 0 means no operation.
type Operation uint32

// maxCalls is how deep calls on one connection may nest. Two is normal: on a busy connection pgx starts a query and
// then refuses it.
const maxCalls = 4

// CallKind is the kind of a call to the database.
type CallKind uint8

// The kinds of a call, each with its own start and end.
const (
	QueryCall CallKind = iota
	BatchCall
	CopyCall
	PrepareCall
)

// Role is what a call does in its hold.
type Role uint8

// The roles of a call.
const (
	RoleWork    Role = iota
	RoleControl      // controls a transaction, or prepares; does not name the hold
	RoleListen       // listens for notifications
)

// Note is kept with a call until it ends. Forget is called for a call that never ends: the connection was released with
// rows open, or a panic went through the call.
type Note interface{ Forget() }

// call is a call that runs on a connection.
type call struct {
	kind      CallKind
	operation Operation // 0 if it is not recorded
	start     time.Duration
	note      Note // nil if there is none
}

func (c *call) forget() {
	if c.note != nil {
		c.note.Forget()
	}
}

// calls is the stack of the calls that run on one connection. If several goroutines use a connection concurrently,
// which pgx mostly tolerates, the depth may have any value, so each use of it is checked.
type calls struct {
	depth int
	stack [maxCalls]call
}

// push starts a call. If there are too many, it forgets the oldest: a panic went through it, so it will never end.
func (c *calls) push(started call) {
	i := c.depth
	if uint(i) >= maxCalls {
		c.stack[0].forget()
		copy(c.stack[:], c.stack[1:])
		i = maxCalls - 1
	}
	c.stack[i] = started
	c.depth = i + 1
}

// pop ends the innermost call if it is of that kind. An end without a start is normal: pgx ends a batch twice if it
// fails early, and recording may have begun after the start.
func (c *calls) pop(kind CallKind) (call, bool) {
	innermost := c.inside(kind)
	if innermost == nil {
		return call{}, false
	}
	ended := *innermost
	*innermost = call{}
	c.depth--
	return ended, true
}

// popOuter ends a call of that kind that is not the innermost: rows may be closed before a batch that pgx refused while
// they were open. alone is the time from its start to that of the next call, 0 if it is not the outermost.
func (c *calls) popOuter(kind CallKind) (ended call, alone time.Duration, ok bool) {
	running := c.stack[:min(max(c.depth, 0), maxCalls)]
	for i := len(running) - 2; i >= 0; i-- {
		if ended = running[i]; ended.kind != kind {
			continue
		}
		if i == 0 {
			alone = running[1].start - ended.start
		}
		copy(running[i:], running[i+1:])
		c.depth = len(running) - 1
		running[c.depth] = call{}
		return ended, alone, true
	}
	return call{}, 0, false
}

// innermost returns the innermost call, nil if there is none.
func (c *calls) innermost() *call {
	if i := c.depth - 1; uint(i) < maxCalls {
		return &c.stack[i]
	}
	return nil
}

// inside returns the innermost call if it is of that kind, else nil.
func (c *calls) inside(kind CallKind) *call {
	if innermost := c.innermost(); innermost != nil && innermost.kind == kind {
		return innermost
	}
	return nil
}

// reset forgets calls that never ended, such as rows that were not closed before the connection was released.
func (c *calls) reset() {
	if c.depth > 0 {
		c.depth = 0
		for i := range c.stack {
			c.stack[i].forget()
			c.stack[i] = call{}
		}
	}
}
