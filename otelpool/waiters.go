package otelpool

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	waiterBits   = 6
	waiterSlots  = 1 << waiterBits
	waiterProbes = 4
)

// waiters knows since when the acquires of a pool wait, to tell the oldest. Nearly every acquire passes through, and
// nearly none stays, so entering and leaving must be cheap: most find a free slot and need no lock. Acquires are known by
// their start alone: of two that began at the same time, either may leave for the other.
type waiters struct {
	slots [waiterSlots]atomic.Int64 // the start of an acquire in nanoseconds plus one, 0 if free

	mu   sync.Mutex
	more map[time.Duration]int // how many found no slot, by their start
}

// slot gives where a start is looked for at that probe.
func (w *waiters) slot(start time.Duration, probe uint64) *atomic.Int64 {
	const golden = 0x9e3779b97f4a7c15 // spreads what is near each other (Fibonacci hashing)
	return &w.slots[(uint64(start)*golden>>(64-waiterBits)+probe)%waiterSlots]
}

// enter takes an acquire in.
func (w *waiters) enter(start time.Duration) {
	for probe := range uint64(waiterProbes) {
		if w.slot(start, probe).CompareAndSwap(0, int64(start)+1) {
			return
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.more == nil {
		w.more = make(map[time.Duration]int)
	}
	w.more[start]++
}

// leave takes it out. Where clocks are coarse it may be missed once, if another of the same start takes it out while a
// third enters where it was looked for already.
func (w *waiters) leave(start time.Duration) {
	for range 8 {
		if w.leaveSlot(start) || w.leaveMore(start) {
			return
		}
	}
}

func (w *waiters) leaveSlot(start time.Duration) bool {
	for probe := range uint64(waiterProbes) {
		if slot := w.slot(start, probe); slot.Load() == int64(start)+1 && slot.CompareAndSwap(int64(start)+1, 0) {
			return true
		}
	}
	return false
}

func (w *waiters) leaveMore(start time.Duration) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	switch n := w.more[start]; n {
	case 0:
		return false
	case 1:
		delete(w.more, start)
	default:
		w.more[start] = n - 1
	}
	return true
}

// oldest gives how long the one that waits longest has waited at now, 0 if none waits.
func (w *waiters) oldest(now time.Duration) time.Duration {
	start := now
	for i := range w.slots {
		if v := w.slots[i].Load(); v != 0 {
			start = min(start, time.Duration(v-1))
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	for at := range w.more {
		start = min(start, at)
	}
	return now - start
}
