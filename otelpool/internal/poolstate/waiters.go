package poolstate

import (
	"sync"
	"sync/atomic"
	"time"
)

const (
	waiterBits   = 6
	waiterCells  = 1 << waiterBits
	waiterProbes = 4
)

// waiters is a set of the start times of the acquires that wait, from which the oldest wait is read. Nearly every
// acquire enters and leaves it, so both must be cheap: most find a free cell and take no lock. An acquire is identified
// only by its start, so two that began at the same time are interchangeable.
type waiters struct {
	cells [waiterCells]atomic.Int64 // the start of an acquire in nanoseconds plus one, 0 if free

	mu   sync.Mutex
	more map[time.Duration]int // starts that found no cell, and how many of each
}

// cell returns the cell in which probe looks for start.
func (w *waiters) cell(start time.Duration, probe uint64) *atomic.Int64 {
	const golden = 0x9e3779b97f4a7c15 // Fibonacci hashing: spreads starts that are close to each other
	return &w.cells[(uint64(start)*golden>>(64-waiterBits)+probe)%waiterCells]
}

// enter adds an acquire that began at start.
func (w *waiters) enter(start time.Duration) {
	for probe := range uint64(waiterProbes) {
		if w.cell(start, probe).CompareAndSwap(0, int64(start)+1) {
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

// leave removes an acquire that began at start. With a coarse clock, several acquires have the same start. One look may
// then miss it, because another goroutine removed it and a third added it to a cell already passed. So leave looks
// several times.
func (w *waiters) leave(start time.Duration) {
	for range 8 {
		if w.leaveCell(start) || w.leaveMore(start) {
			return
		}
	}
}

func (w *waiters) leaveCell(start time.Duration) bool {
	for probe := range uint64(waiterProbes) {
		if cell := w.cell(start, probe); cell.Load() == int64(start)+1 && cell.CompareAndSwap(int64(start)+1, 0) {
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

// oldest returns how long the longest-waiting acquire has waited at now, 0 if none waits.
func (w *waiters) oldest(now time.Duration) time.Duration {
	start := now
	for i := range w.cells {
		if v := w.cells[i].Load(); v != 0 {
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
