package instruments

import (
	"sync/atomic"
	"time"
)

// Failed counts an operation's failures of one kind.
type Failed struct {
	Failure
	Operation *Operation
	Duration  Series[float64]

	count atomic.Int64
}

// Add counts a failure.
func (f *Failed) Add() { f.count.Add(1) }

// countShards is how many shards the counts of an operation have.
const countShards = 8

// counts has the counts of an operation, in shards of connections. A shard is created when it first counts, because
// most pools have more operations than busy connections.
type counts [countShards]atomic.Pointer[countShard]

// countShard is a cache line.
type countShard struct {
	calls, time             atomic.Int64
	busy, operations, units atomic.Int64 // as a unit of work
	_                       [3]int64
}

// shard returns the shard of a connection.
func (c *counts) shard(of uint32) *countShard {
	at := &c[of%countShards]
	if s := at.Load(); s != nil {
		return s
	}
	at.CompareAndSwap(nil, new(countShard))
	return at.Load()
}

// Counts are the counts of an operation since the start, and of the unit of work of its name. Times are in nanoseconds.
type Counts struct {
	Calls, Time int64

	// Of the unit of work: see work.
	Busy, Operations, Units             int64
	Nested, InTransaction, ReleasedBusy int64
}

// Each calls yield with each number.
func (c *Counts) Each(yield func(n *int64)) {
	for _, n := range []*int64{&c.Calls, &c.Time, &c.Busy, &c.Operations, &c.Units, &c.Nested, &c.InTransaction, &c.ReleasedBusy} {
		yield(n)
	}
}

// sums returns the sums over the shards.
func (c *counts) sums() (s Counts) {
	for i := range c {
		if from := c[i].Load(); from != nil {
			s.Calls += from.calls.Load()
			s.Time += from.time.Load()
			s.Busy += from.busy.Load()
			s.Operations += from.operations.Load()
			s.Units += from.units.Load()
		}
	}
	return s
}

// AddCall counts a call of the operation.
func (op *Operation) AddCall(took time.Duration, shard uint32) {
	c := op.counts.shard(shard)
	c.calls.Add(1)
	c.time.Add(int64(took))
}

// Total returns the number, failures and total time of the calls of all operations.
func (o *Operations) Total() (count, failed int64, took time.Duration) {
	for _, op := range (*o.byID.Load())[1:] {
		s := op.counts.sums()
		count += s.Calls
		took += time.Duration(s.Time)
	}
	for _, f := range o.Failed() {
		failed += f.count.Load()
	}
	return count, failed, took
}

// Answered returns how many calls of all operations the server has answered, also with an error, and how many it has not.
func (o *Operations) Answered() (answered, unanswered int64) {
	for _, op := range (*o.byID.Load())[1:] {
		for i := range op.counts {
			if from := op.counts[i].Load(); from != nil {
				answered += from.calls.Load()
			}
		}
	}
	for _, f := range o.Failed() {
		if !f.SQLState {
			unanswered += f.count.Load()
		}
	}
	return answered - unanswered, unanswered
}

// Counts returns the counts of all operations, indexed by number. The first is that of holds without a unit of work.
func (o *Operations) Counts() []Counts {
	all := *o.byID.Load()
	counted := make([]Counts, len(all))
	for i := range all {
		op := o.Unit(uint32(i))
		c := op.counts.sums()
		c.Nested, c.InTransaction, c.ReleasedBusy = op.work.nested.Load(), op.work.inTransaction.Load(), op.work.releasedBusy.Load()
		counted[i] = c
	}
	return counted
}

// Failed returns all kinds of failures in the order in which they were first seen.
func (o *Operations) Failed() []*Failed {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.failed[:len(o.failed):len(o.failed)]
}

// Failures returns the counts of Failed, in its order.
func (o *Operations) Failures() []int64 {
	all := o.Failed()
	counted := make([]int64, len(all))
	for i, f := range all {
		counted[i] = f.count.Load()
	}
	return counted
}
