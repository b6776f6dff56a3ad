package poolstate

import (
	"slices"
	"sync"
)

// MaxStack is how many callers of an Acquire are kept at most.
const MaxStack = 32

// holdStack has the callers of the acquire of a connection, as program counters.
type holdStack struct {
	mu  sync.Mutex
	of  *Acquire // the acquire whose stack it is, nil if there is none
	pcs [MaxStack]uintptr
	n   int
}

// keep keeps a copy of the callers of an acquire.
func (s *holdStack) keep(of *Acquire, pcs []uintptr) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = of
	s.n = copy(s.pcs[:], pcs)
}

// drop forgets the callers, and with them the context of their acquire.
func (s *holdStack) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = nil
}

// get returns the callers of an acquire, nil if they were not kept or another acquire has the connection now.
func (s *holdStack) get(of *Acquire) []uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != of {
		return nil
	}
	return slices.Clone(s.pcs[:s.n])
}

// KeepStack keeps the callers of an acquire that is about to return the connection. The owner of the connection calls
// it.
func (c *Conn) KeepStack(of *Acquire, pcs []uintptr) { c.stack.keep(of, pcs) }

// DropStack forgets the callers of the hold that ended last, once it has been reported.
func (c *Conn) DropStack() { c.stack.drop() }
