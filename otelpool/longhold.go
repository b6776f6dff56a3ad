package otelpool

import (
	"sync"
	"time"
	"weak"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// Holds are checked at intervals of a quarter of the threshold for long holds, but within these bounds.
const (
	minScan = 5 * time.Millisecond
	maxScan = time.Second
)

// watcher checks the holds and waits from Register to Unregister. It is a timer, not a goroutine. The timer keeps
// neither the pool nor its MeterProvider alive: a program may close and drop a pool without Unregister.
type watcher struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// watch starts to check for hijacked connections, for long waits and, if the user asked for it, for long holds.
func watch(o *observed) *watcher {
	interval := maxScan
	if o.hooks.longHold > 0 {
		interval = min(max(o.hooks.longHold/4, minScan), maxScan)
	}
	look(o) // the first point of its history, if events are recorded
	w, weakly := new(watcher), weak.Make(o)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(interval, func() {
		o := weakly.Value()
		if o == nil {
			return
		}
		look(o)
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.stopped {
			w.timer.Reset(interval)
		}
	})
	return w
}

func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	w.timer.Stop()
}

// look checks the holds and waits of a pool.
func look(o *observed) {
	defer func() { _ = recover() }() // a panic here must not crash the program
	s := o.hooks.state.Reconcile(o.stat)
	if o.hooks.live.Load() { // otherwise the history would begin before events are recorded
		o.history.look(o, &s)
	}
	o.moments.add(o, &s)
	if o.hooks.longHold > 0 {
		reportLongHolds(o.hooks, s)
	}
	if s.OldestWait >= o.hooks.slow {
		o.hooks.slowAcquire(s.OldestWait, false)
	} else {
		o.lookForSlow()
	}
}

// reportLongHolds logs the holds that have passed the threshold, and counts those that have not ended by a hijack, each once.
func reportLongHolds(h *hooks, s poolstate.Snapshot) {
	for hold, ended := range s.Judged() {
		age := s.Now - hold.Since
		if age < h.longHold {
			continue
		}
		if !hold.MarkReported() {
			h.stacks.suspect(hold)
			h.reports.longHold(hold, age)
		}
		if !ended && !hold.MarkCounted() {
			h.counters.Add(longHolds, 1)
		}
	}
}
