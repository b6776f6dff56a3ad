package otelpool

import (
	"slices"
	"sync/atomic"
	"time"
)

// tally is what is counted of one connection. It belongs to whoever owns the connection, so that events of a pool on
// several processors do not get into each other's way, and is apart from the connection's state, so that it outlives it.
type tally struct {
	since    atomic.Int64 // when the hold began, 0 if it is not held
	acquired atomic.Int64 // acquires that ended with it
	queued   atomic.Int64 // nanoseconds that acquires waited which were handed it at once
	busy     atomic.Int64 // nanoseconds in which an operation ran on it while it was held
	_        [4]int64     // to the end of a cache line
}

// tallied is the sum of tallies.
type tallied struct {
	acquired     int64
	queued, busy time.Duration
}

func (t *tallied) add(of *tally) {
	t.acquired += of.acquired.Load()
	t.queued += time.Duration(of.queued.Load())
	t.busy += time.Duration(of.busy.Load())
}

// close moves the counts of a connection to those of the ones that are no more.
func (c *connections) close(of *tally) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at := slices.Index(c.tallies, of); at >= 0 {
		c.past.add(of)
		c.tallies = slices.Delete(c.tallies, at, at+1)
	}
}

// tallied gives the counts of all connections there are or were.
func (c *connections) tallied() tallied {
	c.mu.Lock()
	defer c.mu.Unlock()
	sum := c.past
	for _, of := range c.tallies {
		sum.add(of)
	}
	return sum
}
