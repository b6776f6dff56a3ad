package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// report is the result of a run.
type report struct {
	sizing        otelpool.Sizing
	elapsed       time.Duration // from the first request to the last answer
	requestCounts requestCounts
	seen          observed
	last          sample // after the load
	settled       bool
	took          time.Duration      // time to settle, or to give up
	findings      []diagnose.Finding // at the end of the load
	verdict       verdict
}

func (r report) print(w io.Writer) {
	fmt.Fprintf(w, `
Report
  requests  %d in %.1f s: %.0f a second
  acquire   %s
  query     %s
  in use    peak %d of %d (pool size %d, max overflow %d)
  overflow  %s; %d connections were opened beyond the pool size
  timeouts  %d
  errors    %s
  idle      %s
  findings  %s
%v
`,
		r.requestCounts.done, r.elapsed.Seconds(), float64(r.requestCounts.done)/r.elapsed.Seconds(),
		formatQuantiles(r.last.acquires),
		formatQuantiles(r.last.queries),
		r.seen.peak, r.sizing.PoolSize+r.sizing.MaxOverflow, r.sizing.PoolSize, r.sizing.MaxOverflow,
		r.overflow(), r.last.overflowOpened,
		r.last.timeouts,
		r.errors(),
		r.idle(),
		r.found(),
		r.verdict)
}

func (r report) overflow() string {
	if r.seen.underLoad == 0 {
		return "unknown, the load ended before the first scrape"
	}
	share := 100 * float64(r.seen.overflow) / float64(r.seen.underLoad)
	return fmt.Sprintf("in use in %.0f %% of %d scrapes under load", share, r.seen.underLoad)
}

func (r report) errors() string {
	var parts []string
	if n := r.requestCounts.failures(); n > 0 {
		parts = append(parts, fmt.Sprintf("%d requests failed: %s", n, display.Counts(r.requestCounts.failed)))
	}
	if len(r.last.queryErrors) > 0 {
		parts = append(parts, "queries by error_type: "+display.Counts(r.last.queryErrors))
	}
	if r.requestCounts.canceled > 0 {
		parts = append(parts, fmt.Sprintf("%d requests were canceled %v after the end", r.requestCounts.canceled, drainLimit))
	}
	if len(parts) == 0 {
		return "none"
	}
	return strings.Join(parts, "; ")
}

func (r report) idle() string {
	took := display.Seconds(r.took.Seconds())
	if r.settled {
		return fmt.Sprintf("%d, at most the pool size %d: settled %s after the last request", r.last.checkedIn, r.sizing.PoolSize, took)
	}
	return fmt.Sprintf("%d, and %d in use: not settled within %s after the last request, pool size %d",
		r.last.checkedIn, r.last.checkedOut, took, r.sizing.PoolSize)
}

// found returns the findings, one a line.
func (r report) found() string {
	if len(r.findings) == 0 {
		return "none"
	}
	var lines []string
	for _, f := range r.findings {
		lines = append(lines, f.String())
	}
	return strings.Join(lines, "\n            ")
}

func formatQuantiles(h display.Histogram) string {
	return fmt.Sprintf("p50 %s, p95 %s, p99 %s", display.Seconds(h.Quantile(0.5)), display.Seconds(h.Quantile(0.95)), display.Seconds(h.Quantile(0.99)))
}
