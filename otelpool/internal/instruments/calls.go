package instruments

import (
	"sync/atomic"
	"time"
)

// Failed is an operation's failures of one kind.
type Failed struct {
	Duration Series[float64]
	count    atomic.Int64
}

// Add counts a failure.
func (f *Failed) Add() { f.count.Add(1) }

// countShards is how many shards the counts of an operation have.
const countShards = 8

// counts are what the owners of connections count of an operation. Each shard is a cache line.
type counts [countShards]struct {
	calls, time             atomic.Int64
	busy, operations, units atomic.Int64 // as a unit of work
	_                       [3]int64
}

// sums are the sums over the shards of counts.
type sums struct{ calls, time, busy, operations, units int64 }

func (c *counts) sums() (s sums) {
	for i := range c {
		s.calls += c[i].calls.Load()
		s.time += c[i].time.Load()
		s.busy += c[i].busy.Load()
		s.operations += c[i].operations.Load()
		s.units += c[i].units.Load()
	}
	return s
}

// AddCall counts a call of the operation.
func (op *Operation) AddCall(took time.Duration, shard uint32) {
	c := &op.counts[shard%countShards]
	c.calls.Add(1)
	c.time.Add(int64(took))
}

// Calls are the calls of an operation since the start, and how it misused connections as a unit of work.
type Calls struct {
	Name     string
	Count    int64
	Time     time.Duration
	Failures map[string]int64 // by error type, nil if there are none

	// Of units of work, see work.
	Nested, InTransaction, Busy int64
}

// Total returns the calls of all operations together, how many failed, and how long they took.
func (o *Operations) Total() (count, failed int64, took time.Duration) {
	for _, op := range (*o.byID.Load())[1:] {
		s := op.counts.sums()
		count += s.calls
		took += time.Duration(s.time)
		if known := op.failures.Load(); known != nil {
			for _, f := range *known {
				failed += f.count.Load()
			}
		}
	}
	return count, failed, took
}

// Calls returns the calls of all operations, each at its number. The first is of holds that have no unit of work.
func (o *Operations) Calls() []Calls {
	all := *o.byID.Load()
	counted := make([]Calls, len(all))
	for i := range all {
		op, c := o.Unit(uint32(i)), &counted[i]
		s := op.counts.sums()
		c.Name, c.Count, c.Time = op.Name, s.calls, time.Duration(s.time)
		c.Nested, c.InTransaction, c.Busy = op.work.nested.Load(), op.work.inTransaction.Load(), op.work.releasedBusy.Load()
		if known := op.failures.Load(); known != nil {
			c.Failures = make(map[string]int64, len(*known))
			for kind, f := range *known {
				c.Failures[kind] = f.count.Load()
			}
		}
	}
	return counted
}
