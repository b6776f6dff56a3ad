package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/otelpool"
)

// loadtest runs the test, prints its report, and cleans up. An error concerns its environment, not the pool.
// It shows the progress of the open loop to progress, if that is not nil.
func loadtest(ctx context.Context, s settings, stdout, progress io.Writer) (v verdict, err error) {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return verdict{}, err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	if s.rate > 0 {
		return openLoop(ctx, s, db, stdout, progress)
	}
	t, err := openTarget(ctx, db.config)
	if err != nil {
		return verdict{}, err
	}
	defer func() { err = errors.Join(err, t.close()) }()
	if ctx.Err() != nil {
		return verdict{}, errNoLoad
	}

	printBanner(stdout, s, db)
	r := stress(ctx, s, t, t.exporter, db.sizing, stdout)
	r.print(stdout)
	return r.verdict, nil
}

// openLoop measures the curve of an open loop.
func openLoop(ctx context.Context, s settings, db *database, stdout, progress io.Writer) (verdict, error) {
	if ctx.Err() != nil {
		return verdict{}, errNoLoad
	}
	var plot *os.File
	if s.svg != "" { // to find an error before the load
		var err error
		if plot, err = os.Create(s.svg); err != nil {
			return verdict{}, err
		}
		defer plot.Close()
	}
	printBanner(stdout, s, db)
	c := &curve{settings: s, db: db, progress: progress}
	c.run(ctx)
	v, err := c.judge()
	err = errors.Join(err, c.print(stdout))
	if plot != nil {
		_, writeErr := plot.WriteString(svg(c.points, s.goal))
		err = errors.Join(err, writeErr)
	}
	if v.judged {
		fmt.Fprintln(stdout, v)
	}
	return v, err
}

// stress puts the pool under load for the duration of the settings, or until ctx ends. It judges the pool by sizing.
func stress(ctx context.Context, s settings, t *target, gatherer prometheus.Gatherer, sizing otelpool.Sizing, stdout io.Writer) report {
	l := &load{pool: t.pool, statements: s.statements}
	w := &watcher{gatherer: gatherer, sizing: sizing, load: l, inst: t.inst, out: stdout}
	w.scrape(false) // starts the pool's peak

	ctx, cancel := context.WithTimeout(ctx, s.duration)
	defer cancel()
	start, ended := time.Now(), make(chan struct{})
	var elapsed time.Duration
	go func() {
		defer close(ended)
		l.run(ctx, s.concurrency)
		elapsed = time.Since(start)
	}()
	w.watch(ctx, ended)
	took, settled := w.settle()
	return report{
		sizing:        sizing,
		elapsed:       elapsed,
		requestCounts: l.counts(),
		seen:          w.seen,
		last:          w.last,
		settled:       settled,
		took:          took,
		findings:      w.findings,
		verdict:       judge(w.seen, sizing.PoolSize+sizing.MaxOverflow),
	}
}

// printBanner prints the database, the pool and the load.
func printBanner(w io.Writer, s settings, db *database) {
	callers, goal := fmt.Sprintf("%d callers for %v", s.concurrency, s.duration), ""
	if s.rate > 0 {
		callers = fmt.Sprintf("%v requests a second for %v a size, at most %d at a time", s.rate, s.duration, s.inFlight)
	}
	if s.goal > 0 {
		goal = fmt.Sprintf("  goal      99 %% wait at most %v for a connection\n", s.goal)
	}
	fmt.Fprintf(w, `otelpool load test
  database  %s
  pool      %d connections, %d more under load; %s
  load      %s: %s
%s  to stop   Ctrl-C, which also prints the report

`, db.about, db.sizing.PoolSize, db.sizing.MaxOverflow, describeSizing(db.sizing), callers,
		describeStatements(s.statements), goal)
}

// describeSizing describes how the pool treats its connections.
func describeSizing(s otelpool.Sizing) string {
	parts := []string{"pinged if idle for a second", "recycled as pgx does by default", "waiting without a limit"}
	if s.PrePing {
		parts[0] = "pinged before use"
	}
	if s.Recycle > 0 {
		parts[1] = fmt.Sprintf("recycled after %v", s.Recycle)
	}
	if s.Timeout > 0 {
		parts[2] = fmt.Sprintf("waiting at most %v", s.Timeout)
	}
	return strings.Join(parts, ", ")
}
