package poolstate

import "sync/atomic"

// The fields of slotCounts, each counted in its unit: 23 bits for callers, 20 bits for each of the two connection counts.
const (
	inUseUnit    int64 = 1
	occupiedUnit int64 = 1 << 20
	pendingUnit  int64 = 1 << 40

	connMask = occupiedUnit - 1

	// occupiedBias keeps occupied from borrowing from pending. A slot may be returned a moment before it is taken, if
	// an Acquire ends while its dial takes the slot.
	occupiedBias = 1 << 19
)

// slotCounts counts the callers that wait for a slot and the slots that are taken. The three counts share a word, so an
// event costs one atomic operation and returns consistent counts. The zero value is not ready: see init.
type slotCounts struct{ word atomic.Int64 }

func (s *slotCounts) init() { s.word.Store(occupiedBias * occupiedUnit) }

// counts are the fields of slotCounts at one moment.
type counts struct {
	pending  int64 // acquires without a slot
	occupied int64 // slots that acquires have: dialing, pinging, preparing or in use
	inUse    int64 // connections between the end of Acquire and Release
}

// add moves units between the counts and returns the result. Negative units subtract. Each field stays at or above
// zero, so the sum is right field by field.
func (s *slotCounts) add(units int64) counts { return unpack(s.word.Add(units)) }

func (s *slotCounts) load() counts { return unpack(s.word.Load()) }

func unpack(word int64) counts {
	return counts{
		pending:  word >> 40,
		occupied: word>>20&connMask - occupiedBias,
		inUse:    word & connMask,
	}
}
