package otelpool

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"
)

const (
	waiterSlots  = 64
	waiterProbes = 4
)

// waiters knows since when the acquires of a pool wait, to tell the oldest. Nearly every acquire passes through, and
// nearly none stays, so entering and leaving must be cheap: most find a free slot and need no lock.
type waiters struct {
	slots [waiterSlots]atomic.Int64 // the start of an acquire in nanoseconds plus one, 0 if free

	mu   sync.Mutex
	more map[*acquire]struct{} // those that found no slot
}

// enter takes an acquire in and gives where it is, for leave.
func (w *waiters) enter(a *acquire) int32 {
	at := rand.Uint32() //nolint:gosec // only spreads
	for i := range uint32(waiterProbes) {
		slot := (at + i) % waiterSlots
		if w.slots[slot].CompareAndSwap(0, int64(a.start)+1) {
			return int32(slot)
		}
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.more == nil {
		w.more = make(map[*acquire]struct{})
	}
	w.more[a] = struct{}{}
	return -1
}

// leave takes it out.
func (w *waiters) leave(a *acquire, slot int32) {
	if slot >= 0 {
		w.slots[slot].Store(0)
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.more, a)
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
	for a := range w.more {
		start = min(start, a.start)
	}
	return now - start
}
