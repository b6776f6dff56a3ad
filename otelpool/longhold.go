package otelpool

import (
	"log/slog"
	"sync"
	"time"
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

// watch begins to look, if the user wants it.
func (w *watcher) watch(s *stats) {
	r := s.recorder
	if r == nil || r.longHold == 0 {
		return
	}
	interval := min(max(r.longHold/4, minScan), maxScan)
	w.mu.Lock()
	defer w.mu.Unlock()
	w.timer = time.AfterFunc(interval, func() {
		func() {
			defer func() { _ = recover() }() // a look is not worth the process
			s.reportLongHolds()
		}()
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

// reportLongHolds logs the holds that have passed the threshold, each once.
func (s *stats) reportLongHolds() {
	r := s.recorder
	now := r.now()
	for _, h := range s.holds(now, true) {
		if age := now - h.since; age >= r.longHold && !h.acquire.set(reported) {
			r.longHolds.Add(1)
			r.reports.warn("connection held for long", r.attrs(h.state, h.acquire, age)...)
		}
	}
}

// longHoldEnded logs that a connection came back after the threshold.
func (r *recorder) longHoldEnded(s *connState, a *acquire, age time.Duration) {
	if !a.set(reported) {
		r.longHolds.Add(1)
	}
	r.reports.warn("connection released after a long hold", r.attrs(s, a, age)...)
}

// reportMisuse logs, once for an operation, that a connection was released in a state in which pgx must close it.
func (r *recorder) reportMisuse(why closeReason, s *connState, a *acquire, age time.Duration) {
	op := a.holder
	if doing := s.activity.Load(); op == nil && doing != nil {
		op = doing.op
	}
	if op == nil {
		op = r.ops.named(OtherOperation)
	}
	if op.misused[why].Swap(true) {
		return
	}
	message := "connection released in a transaction: pgx closes it"
	if why == closedBusy {
		message = "connection released busy, rows or a batch not closed: pgx closes it"
	}
	attrs := []slog.Attr{slog.String("advice", "commit or roll back, and close rows and batches, before the release; further cases of this operation are only counted")}
	r.reports.warn(message, append(r.attrs(s, a, age), attrs...)...)
}
