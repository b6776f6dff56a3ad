package poolstate

import (
	"runtime"
	"slices"
	"sync"
)

// maxStack is how many callers of an Acquire are kept.
const maxStack = 32

// ownFrames are the frames of this package above the caller of [Pool.End] in a captured stack, and runtime.Callers itself.
const ownFrames = 4

// holdStack is the stack that acquired a connection, as program counters.
type holdStack struct {
	mu  sync.Mutex
	of  *Acquire // the acquire whose stack it is, nil if there is none
	pcs [maxStack]uintptr
	n   int
}

// capture keeps the callers of an acquire that ends now.
func (s *holdStack) capture(of *Acquire) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = of
	s.n = runtime.Callers(ownFrames, s.pcs[:])
}

// drop forgets the callers, and with them the context of their acquire.
func (s *holdStack) drop() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.of = nil
}

// get returns the callers of an acquire, nil if they were not kept or the connection has gone on to another.
func (s *holdStack) get(of *Acquire) []uintptr {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.of != of {
		return nil
	}
	return slices.Clone(s.pcs[:s.n])
}
