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

// loadtest makes the test, prints its report, and leaves nothing behind. An error is of what it needed, not of the pool.
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

	introduce(stdout, s, db)
	r := stress(ctx, s, pool, exporter, db.sizing, stdout)
	r.print(stdout)
	return r.verdict, nil
}

// stress puts the pool under load for the time that the settings say, or until ctx ends, and judges it by the sizing
// that it is meant to have.
func stress(ctx context.Context, s settings, pool *pgxpool.Pool, gatherer prometheus.Gatherer, sizing otelpool.Sizing, stdout io.Writer) report {
	l := &load{pool: pool, query: s.query}
	w := &watcher{gatherer: gatherer, sizing: sizing, load: l, out: stdout}
	w.scrape(false) // from now on the pool keeps its peak

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
		sizing:  sizing,
		elapsed: elapsed,
		tally:   l.counted(),
		seen:    w.seen,
		last:    w.last,
		settled: settled,
		took:    took,
		verdict: judge(w.seen, sizing.PoolSize+sizing.MaxOverflow),
	}
}

// introduce says what is going to be done, and to what.
func introduce(w io.Writer, s settings, db *database) {
	fmt.Fprintf(w, `otelpool load test
  database  %s
  pool      %d connections, %d more under load; %s
  load      %d callers for %v: %s
  to stop   Ctrl-C, with a report of what was done

`, db.about, db.sizing.PoolSize, db.sizing.MaxOverflow, about(db.sizing), s.concurrency, s.duration, strings.Join(strings.Fields(s.query), " "))
}

// about says how connections of the pool are treated.
func about(s otelpool.Sizing) string {
	parts := []string{"pinged if idle for a second", "as old as pgx lets them become", "waiting without a limit"}
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
