package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/otelpool"
)

// loadtest runs the test, prints its report, and cleans up. An error concerns its environment, not the pool.
func loadtest(ctx context.Context, s settings, stdout io.Writer) (v verdict, err error) {
	db, err := openDatabase(ctx, s)
	if err != nil {
		return verdict{}, err
	}
	defer func() { err = errors.Join(err, db.close()) }()
	provider, exporter, err := newMeterProvider()
	if err != nil {
		return verdict{}, err
	}
	defer func() { err = errors.Join(err, provider.Shutdown(context.WithoutCancel(ctx))) }()
	pool, inst, err := newPool(ctx, db.config, provider)
	if err != nil {
		return verdict{}, err
	}
	defer pool.Close()
	defer func() { err = errors.Join(err, inst.Unregister()) }()
	if ctx.Err() != nil {
		return verdict{}, errNoLoad
	}

	printBanner(stdout, s, db)
	r := stress(ctx, s, pool, inst, exporter, db.sizing, stdout)
	r.print(stdout)
	return r.verdict, nil
}

// stress puts the pool under load for the duration of the settings, or until ctx ends. It judges the pool by sizing.
func stress(ctx context.Context, s settings, pool *pgxpool.Pool, inst *otelpool.Instrumentation, gatherer prometheus.Gatherer,
	sizing otelpool.Sizing, stdout io.Writer) report {
	l := &load{pool: pool, query: s.query}
	w := &watcher{gatherer: gatherer, sizing: sizing, load: l, inst: inst, out: stdout}
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
	fmt.Fprintf(w, `otelpool load test
  database  %s
  pool      %d connections, %d more under load; %s
  load      %d callers for %v: %s
  to stop   Ctrl-C, which also prints the report

`, db.about, db.sizing.PoolSize, db.sizing.MaxOverflow, describeSizing(db.sizing), s.concurrency, s.duration, strings.Join(strings.Fields(s.query), " "))
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
