package poolstate

import (
	"slices"
	"time"
)

// use counts the operations on a connection since it was acquired. It belongs to the owner of the connection.
type use struct {
	operations int64
	busy       time.Duration // in which one of them ran
}

// Work describes what a hold did. It has ended.
type Work struct {
	Unit       Operation
	Operations int64
	Busy       time.Duration // in which an operation ran

	// First reports whether this is the first hold of the unit of work in its scope and pool. It is true without a
	// scope.
	First bool
}

// Work returns what the hold did, after [Pool.Release] has ended it. The owner of the connection calls it once.
func (h Hold) Work() Work {
	used, unit, scope := h.Conn.used, h.Unit(), h.Acquire.scope
	first := scope == nil || scope.first(scopeUnit{h.Acquire.acquires, unit})
	return Work{unit, used.operations, used.busy, first}
}

// scopeUnit is a unit of work that held a connection of a pool.
type scopeUnit struct {
	of   *acquires
	unit Operation
}

// first reports whether a unit of work had no hold in the scope before, and notes it.
func (s *scope) first(u scopeUnit) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if slices.Contains(s.units, u) {
		return false
	}
	s.units = append(s.units, u)
	return true
}
