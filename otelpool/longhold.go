package otelpool

import (
	"sync"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// How often holds are looked at: a quarter of the threshold, but within these bounds.
const (
	minScan = 5 * time.Millisecond
	maxScan = time.Second
)

// watcher looks for long holds from Register to Unregister. Between two looks it is a timer, not a goroutine.
type watcher struct {
	mu      sync.Mutex
	timer   *time.Timer
	stopped bool
}

// watch starts to look for long holds, if the user asked for it.
func (w *watcher) watch(o *observed) {
	if o.hooks == nil || o.hooks.longHold == 0 {
		return
	}
	interval := min(max(o.hooks.longHold/4, minScan), maxScan)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(interval, func() {
		reportLongHolds(o.hooks, o.stat)
		w.mu.Lock()
		defer w.mu.Unlock()
		if !w.stopped {
			w.timer.Reset(interval)
		}
	})
}

func (w *watcher) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

// reportLongHolds counts and logs the holds that have passed the threshold, each once.
func reportLongHolds(h *hooks, stat func() poolstate.Stat) {
	defer func() { _ = recover() }() // a panic here must not crash the program
	s := h.state.Reconcile(stat)
	for _, hold := range s.CertainHolds {
		if age := s.Now - hold.Since; age >= h.longHold && !hold.MarkReported() {
			h.counters.Add(longHolds, 1)
			h.reports.longHold(hold, age)
		}
	}
}
