package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

const (
	scrapeInterval = 100 * time.Millisecond
	lineInterval   = time.Second
	headerEvery    = 20 // lines between two headers

	// settleInterval is short because a pool settles within milliseconds.
	settleInterval = 2 * time.Millisecond
	settleLimit    = 5 * time.Second
)

// watcher scrapes the pool, keeps the results, and prints lines.
type watcher struct {
	gatherer prometheus.Gatherer
	sizing   otelpool.Sizing
	load     *load
	inst     *otelpool.Instrumentation
	out      io.Writer

	seen    observed
	last    sample   // the last successful scrape
	printed snapshot // of the last line
	lines   int

	findings []diagnose.Finding // at the last line
}

// scrape scrapes the pool once.
func (w *watcher) scrape(underLoad bool) {
	s, err := scrape(w.gatherer)
	if err != nil {
		w.seen.miss(err)
		return
	}
	w.seen.add(s, underLoad)
	w.last = s
}

// watch scrapes and prints a line a second until ended is closed.
func (w *watcher) watch(ctx context.Context, ended <-chan struct{}) {
	scrapes, lines := time.NewTicker(scrapeInterval), time.NewTicker(lineInterval)
	defer scrapes.Stop()
	defer lines.Stop()
	start := time.Now()
	w.printed = snapshot{at: start, sample: w.last}
	stopping := ctx.Done()
	for {
		select {
		case <-scrapes.C:
			w.scrape(ctx.Err() == nil)
		case <-lines.C:
			w.scrape(ctx.Err() == nil)
			w.line(start)
		case <-stopping:
			stopping = nil
			// Print the last line too, such as the tenth of ten seconds.
			if time.Since(w.printed.at) > lineInterval/2 {
				w.line(start)
				lines.Reset(lineInterval)
			}
			fmt.Fprintln(w.out, "Stopping: waiting for running requests (Ctrl-C stops immediately) ...")
		case <-ended:
			return
		}
	}
}

// snapshot holds the state at the time of a line.
type snapshot struct {
	at time.Time
	sample
	requestCounts
}

// line prints the state of the pool, and the requests since the last line. It keeps the findings, so that the last ones
// are those under load.
func (w *watcher) line(start time.Time) {
	if w.lines%headerEvery == 0 {
		w.row("time", "in use", "peak", "overflow", "idle", "waiting", "requests/s", "p95 acquire", "p95 query", "failed")
	}
	w.lines++
	before, now := w.printed, snapshot{at: time.Now(), sample: w.last, requestCounts: w.load.counts()}
	w.printed = now
	w.findings = diagnose.Findings(w.inst.Report())
	w.row(
		now.at.Sub(start).Round(lineInterval).String(),
		fmt.Sprintf("%d/%d+%d", now.checkedOut, w.sizing.PoolSize, w.sizing.MaxOverflow),
		fmt.Sprint(now.peak),
		fmt.Sprint(now.overflow),
		fmt.Sprint(now.checkedIn),
		fmt.Sprint(now.pending),
		fmt.Sprintf("%.0f", float64(now.done-before.done)/now.at.Sub(before.at).Seconds()),
		display.Seconds(now.acquires.Since(before.acquires).Quantile(0.95)),
		display.Seconds(now.queries.Since(before.queries).Quantile(0.95)),
		fmt.Sprint(now.failures()-before.failures()),
	)
}

func (w *watcher) row(cells ...any) {
	fmt.Fprintf(w.out, "%6s  %8s  %4s  %8s  %4s  %7s  %10s  %11s  %9s  %6s\n", cells...)
}

// settle waits until no connection is in use and at most PoolSize are idle. It returns the time it waited, and whether
// the pool settled.
func (w *watcher) settle() (took time.Duration, settled bool) {
	ticker := time.NewTicker(settleInterval)
	defer ticker.Stop()
	for start := time.Now(); ; <-ticker.C {
		w.scrape(false)
		took = time.Since(start)
		if w.last.checkedOut == 0 && w.last.checkedIn <= w.sizing.PoolSize {
			return took, true
		}
		if took > settleLimit {
			return took, false
		}
	}
}
