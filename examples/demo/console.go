package main

import (
	"context"
	"fmt"
	"io"
	"math"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// interval is the time between two lines.
const interval = time.Second

// headerEvery is the number of lines after which the header is repeated.
const headerEvery = 20

// banner describes the addresses, the database and the pool at the start.
type banner struct {
	base           string // URL of the page
	open           bool   // whether other machines can reach it
	database, push string
	duration       time.Duration
}

func (i banner) print(w io.Writer) {
	warning, stop := "", "Ctrl-C"
	if i.open {
		warning = " (open to the network)"
	}
	if i.duration > 0 {
		stop = fmt.Sprintf("automatically after %v, or Ctrl-C", i.duration)
	}
	fmt.Fprintf(w, `otelpool demo
  page      %s/%s
  live      %[1]s/debug/pool/
  metrics   %[1]s/metrics
  database  %[3]s
  pool      %d connections, %d more under load (base+overflow)
  OTLP      %s
  to stop   %s

Each line is a second. Errors are counted by SQLSTATE, by the HTTP status of failed requests, or by the reason why a
connection was closed. peak is the maximum in use over the last %v to %v; busy is the share of their hold time that
connections spent on queries; oldest is the age of the longest hold. Log lines of the pool appear between the lines.

`, i.base, warning, i.database, baseSize, maxOverflow, i.push, stop, peakWindow, 2*peakWindow)
}

// watch prints a line each second, each trouble that begins, and the worst finding when it changes, until ctx ends.
func watch(ctx context.Context, w io.Writer, page prometheus.Gatherer, t *traffic, found *findings) {
	ticker := time.NewTicker(interval)
	defer ticker.Stop()
	start := time.Now()
	last := start
	var before display.Metrics
	var worst diagnose.Finding
	for n := 0; ; {
		select {
		case <-ticker.C:
		case trouble := <-t.started:
			printTrouble(w, trouble)
			continue
		case <-ctx.Done():
			// Print the last line too, such as the tenth of ten seconds.
			if time.Since(last) < interval/2 {
				return
			}
		}
		metrics, err := display.Gather(page)
		if err != nil {
			otel.Handle(err)
		}
		if n%headerEvery == 0 {
			printRow(w, "time", "phase", "in use", "peak", "overflow", "idle", "waiting",
				"queries/s", "p95 query", "p95 acquire", "busy", "oldest", "errors")
		}
		now := time.Now()
		printSample(w, now.Sub(start), now.Sub(last), t.phase(), newSample(metrics, before))
		worst = printFinding(w, found.look(), worst)
		if ctx.Err() != nil {
			return
		}
		last, before = now, metrics
		n++
	}
}

func printSample(w io.Writer, sinceStart, sinceLast time.Duration, phase string, s sample) {
	printRow(w,
		sinceStart.Round(interval).String(),
		phase,
		fmt.Sprintf("%d/%d+%d", s.used, s.size, s.overflowMax),
		fmt.Sprint(s.peak),
		fmt.Sprint(s.overflow),
		fmt.Sprint(s.idle),
		fmt.Sprint(s.pending),
		fmt.Sprintf("%.0f", float64(s.queries.Count)/sinceLast.Seconds()),
		display.Seconds(s.queries.Quantile(0.95)),
		display.Seconds(s.acquires.Quantile(0.95)),
		formatShare(s.busyShare()),
		fmt.Sprintf("%.1f s", s.oldestHold),
		display.Counts(s.errors),
	)
}

func printTrouble(w io.Writer, t *trouble) {
	fmt.Fprintf(w, "%7s  %s: %s. See %s\n", "", t.name, t.about, t.look)
}

// printFinding prints the worst finding, unless it was printed before, and returns it.
func printFinding(w io.Writer, found []diagnose.Finding, before diagnose.Finding) diagnose.Finding {
	if len(found) == 0 {
		return diagnose.Finding{}
	}
	if worst := found[0]; worst.Kind != before.Kind || worst.Operation != before.Operation {
		fmt.Fprintf(w, "%7s  %v\n", "", worst)
	}
	return found[0]
}

func printRow(w io.Writer, cells ...any) {
	fmt.Fprintf(w, "%7s  %-6s  %7s  %4s  %8s  %4s  %7s  %9s  %9s  %11s  %5s  %6s  %s\n", cells...)
}

func formatShare(share float64) string {
	if math.IsNaN(share) {
		return "-"
	}
	return fmt.Sprintf("%.0f %%", 100*share)
}
