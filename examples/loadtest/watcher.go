package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	scrapeInterval = 100 * time.Millisecond
	lineInterval   = time.Second
	headerEvery    = 20 // lines, so that it is always on the screen

	// settleInterval is short: how long a pool takes to settle is milliseconds.
	settleInterval = 2 * time.Millisecond
	settleLimit    = 5 * time.Second
)

// watcher scrapes, remembers what it saw, and prints lines.
type watcher struct {
	gatherer prometheus.Gatherer
	sizing   otelpool.Sizing
	load     *load
	out      io.Writer

	seen    observed
	last    sample // the last scrape that did not fail
	printed moment // the last line
	lines   int
}

// scrape looks once.
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
	w.printed = moment{at: start, sample: w.last}
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
			// Without this, the last line of ten seconds could be missing.
			if time.Since(w.printed.at) > lineInterval/2 {
				w.line(start)
				lines.Reset(lineInterval)
			}
			fmt.Fprintln(w.out, "Stopping: waiting for the requests under way (Ctrl-C stops at once) ...")
		case <-ended:
			return
		}
	}
}

// moment is what was known when a line was printed.
type moment struct {
	at time.Time
	sample
	tally
}

// line prints what the pool is doing, and what was done since the last line.
func (w *watcher) line(start time.Time) {
	if w.lines%headerEvery == 0 {
		w.row("time", "in use", "peak", "overflow", "idle", "waiting", "requests/s", "p95 acquire", "p95 query", "failed")
	}
	w.lines++
	before, now := w.printed, moment{at: time.Now(), sample: w.last, tally: w.load.counted()}
	w.printed = now
	w.row(
		now.at.Sub(start).Round(lineInterval).String(),
		fmt.Sprintf("%d/%d+%d", now.checkedOut, w.sizing.PoolSize, w.sizing.MaxOverflow),
		fmt.Sprint(now.peak),
		fmt.Sprint(now.overflow),
		fmt.Sprint(now.checkedIn),
		fmt.Sprint(now.pending),
		fmt.Sprintf("%.0f", float64(now.done-before.done)/now.at.Sub(before.at).Seconds()),
		formatSeconds(now.acquires.since(before.acquires).quantile(0.95)),
		formatSeconds(now.queries.since(before.queries).quantile(0.95)),
		fmt.Sprint(now.failures()-before.failures()),
	)
}

func (w *watcher) row(cells ...any) {
	fmt.Fprintf(w.out, "%6s  %8s  %4s  %8s  %4s  %7s  %10s  %11s  %9s  %6s\n", cells...)
}

// settle waits until nothing is in use and no more is idle than the pool keeps, and says how long that took.
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
