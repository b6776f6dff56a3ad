package otelpool

import "sync/atomic"

// The fields of a flow, each a number of that unit: 23 bits of callers, 20 bits of connections.
const (
	inUseUnit    int64 = 1
	occupiedUnit int64 = 1 << 20
	pendingUnit  int64 = 1 << 40

	connMask = occupiedUnit - 1

	// occupiedBias keeps the places from borrowing of the callers: when an Acquire ends while the dial that it began
	// notes its place, the place may be given back a moment before it is taken.
	occupiedBias = 1 << 19
)

// flow counts where the callers and the places of a pool are. All three counts are in one word, so that an event costs
// one atomic operation and sees counts that belong together. It is safe for concurrent use.
// The zero value is not ready: see init.
type flow struct{ word atomic.Int64 }

func (f *flow) init() { f.word.Store(occupiedBias * occupiedUnit) }

// counts are the parts of a flow at one moment.
type counts struct {
	pending  int64 // acquires without a place
	occupied int64 // places of the pool that acquires have: being dialed, pinged or prepared, or in use
	inUse    int64 // connections between the end of Acquire and Release
}

// add moves units between the counts and gives those after it. To take away, negate: the parts never go below zero, so
// the sum is right part by part.
func (f *flow) add(units int64) counts { return unpack(f.word.Add(units)) }

func (f *flow) load() counts { return unpack(f.word.Load()) }

func unpack(word int64) counts {
	return counts{
		pending:  word >> 40,
		occupied: word>>20&connMask - occupiedBias,
		inUse:    word & connMask,
	}
}
