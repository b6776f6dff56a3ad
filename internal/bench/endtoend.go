package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.opentelemetry.io/otel/metric"
	"golang.org/x/sync/errgroup"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
	"github.com/otelpool/otelpool-go/internal/postgres"
)

const (
	poolSize    = 8
	mostCallers = 64

	// endToEndSlice is long enough for several hundred queries of each caller.
	endToEndSlice = 10 * time.Millisecond

	selectOne = "SELECT 1"
)

// query is a query of a number, or of rows with an id, a name and an amount.
type query struct {
	name, text string
	rows       int
}

func queries(full bool) []query {
	all := []query{{selectOne, selectOne, 1}, {
		"100 rows", "SELECT id::int4, 'name ' || id, id * 1.5::float8 FROM generate_series(1, 100) AS g(id)", 100,
	}}
	if full {
		return all
	}
	return all[:1]
}

// Contenders that goals compare.
const (
	barePool    = "pgxpool"
	oursPool    = "otelpool"
	directPool  = "otelpool, direct histograms"
	otelpgxPool = "otelpgx"
)

// target is a pool under load.
type target struct {
	name string
	bare string // the name of the target to compare this one with
	run  func(context.Context, query) error
	end  func()
}

func newPgxTarget(connString, name string, maker peers.Maker, provider metric.MeterProvider) (target, error) {
	pool, end, err := maker(fmt.Sprintf("%s&pool_max_conns=%d", connString, poolSize), "bench", provider)
	run := func(ctx context.Context, q query) error {
		if q.rows == 1 {
			var n int32
			return pool.QueryRow(ctx, q.text).Scan(&n)
		}
		rows, err := pool.Query(ctx, q.text)
		if err != nil {
			return fmt.Errorf("query: %w", err)
		}
		defer rows.Close()
		return q.read(rows)
	}
	return target{name: name, bare: barePool, run: run, end: func() { end(); pool.Close() }}, err
}

func newSQLTarget(connString, name string, maker peers.SQLMaker) (target, error) {
	db, err := maker(connString, sdk())
	if err != nil {
		return target{}, err
	}
	db.SetMaxOpenConns(poolSize)
	db.SetMaxIdleConns(poolSize)
	run := func(ctx context.Context, q query) error {
		if q.rows == 1 {
			var n int32
			return db.QueryRowContext(ctx, q.text).Scan(&n)
		}
		rows, err := db.QueryContext(ctx, q.text)
		if err != nil {
			return fmt.Errorf("query: %w", err)
		}
		defer func() { _ = rows.Close() }()
		return q.read(rows)
	}
	return target{name: name, bare: "database/sql", run: run, end: func() { _ = db.Close() }}, nil
}

func (q query) read(rows interface {
	Next() bool
	Scan(...any) error
	Err() error
}) error {
	var (
		id     int32
		name   string
		amount float64
	)
	into, n := []any{&id, &name, &amount}, 0
	for ; rows.Next(); n++ {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
	}
	if err := rows.Err(); err != nil || n == q.rows {
		return err
	}
	return fmt.Errorf("%d rows instead of %d", n, q.rows)
}

// newTargets returns the contenders. If some cannot be created, it returns the others and the error.
func newTargets(connString string, full bool) (targets []target, err error) {
	add := func(t target, newErr error) {
		if err = errors.Join(err, newErr); newErr == nil {
			targets = append(targets, t)
		}
	}
	add(newPgxTarget(connString, barePool, peers.Bare, nil))
	add(newPgxTarget(connString, oursPool, peers.Otelpool(), sdk()))
	add(newPgxTarget(connString, directPool, peers.Otelpool(), directly()))
	add(newPgxTarget(connString, otelpgxPool, peers.Otelpgx(), sdk()))
	if full {
		add(newPgxTarget(connString, "otelpgx with names", peers.OtelpgxNames(), sdk()))
		add(newSQLTarget(connString, "database/sql", peers.BareSQL))
		add(newSQLTarget(connString, "XSAM/otelsql", peers.XSAM))
	}
	return targets, err
}

// load runs one query by several concurrent callers.
type load struct {
	target
	query   query
	took    [][]time.Duration // in the current slice, by caller
	failure error
}

// slice runs queries for the given time. Each caller runs one query at a time.
func (l *load) slice(slice time.Duration) (ops int) {
	var callers errgroup.Group
	begin := time.Now()
	for i := range l.took {
		callers.Go(func() error {
			for last := time.Since(begin); last < slice; {
				if err := l.run(context.Background(), l.query); err != nil {
					return err
				}
				now := time.Since(begin)
				l.took[i] = append(l.took[i], now-last)
				last = now
			}
			return nil
		})
	}
	l.failure = errors.Join(l.failure, callers.Wait())
	for _, took := range l.took {
		ops += len(took)
	}
	return max(ops, 1)
}

// keep sets the percentiles of the slice that has ended.
func (l *load) keep(s *measure.Slice) {
	all := append(slices.Concat(l.took...), 0)
	slices.Sort(all)
	s.P50, s.P99 = all[len(all)/2], all[len(all)*99/100]
	for i := range l.took {
		l.took[i] = l.took[i][:0]
	}
}

// measureEndToEnd starts a server and runs queries through its unix socket. The pools have eight connections, and one,
// eight and 64 callers.
func measureEndToEnd(ctx context.Context, r *report, budget time.Duration) (err error) {
	server, err := postgres.Start(ctx, postgres.WithUnixSocket())
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	var rows [][]string
	all := queries(r.full)
	for _, q := range all {
		for _, callers := range []int{1, poolSize, mostCallers} {
			rounds, more, err := measureSetting(server.ConnString(), q, callers, r.full, budget/time.Duration(3*len(all)))
			if err != nil {
				return err
			}
			rows = append(rows, more...)
			if q.name == selectOne {
				r.queryGoals(callers, rounds)
			}
		}
	}
	r.table("Queries on a real server, by a unix socket and a pool of 8", []string{
		"query", "callers", "", "throughput × bare", "client CPU", "× bare", "p50", "p99", "p99 × bare", "allocations",
	}, rows)
	return nil
}

func (r *report) queryGoals(callers int, rounds measure.Rounds) {
	what := fmt.Sprintf("%s, callers: %d", selectOne, callers)
	r.goal("client CPU of "+what+", direct histograms, to bare pgxpool", 1.05,
		rounds.Ratio(directPool, barePool, measure.CPUPerOp), ratio)
	r.goal("client CPU of "+what+", to otelpgx", 1.00, rounds.Ratio(oursPool, otelpgxPool, measure.CPUPerOp), ratio)
	if callers == mostCallers {
		r.goal("99th percentile of "+what+", to bare pgxpool", 1.00, rounds.Ratio(oursPool, barePool, measure.P99), ratio)
	}
}

func measureSetting(
	connString string, q query, callers int, full bool, budget time.Duration,
) (rounds measure.Rounds, rows [][]string, err error) {
	targets, err := newTargets(connString, full)
	defer func() {
		for _, t := range targets {
			t.end()
		}
	}()
	if err != nil {
		return rounds, nil, err
	}
	var loads []*load
	var contenders []measure.Contender
	for _, t := range targets {
		l := &load{target: t, query: q, took: make([][]time.Duration, callers)}
		l.slice(5 * endToEndSlice) // opens all connections and prepares the statements on each
		l.keep(new(measure.Slice))
		count, bytes := measure.Allocs(500, func() { l.failure = errors.Join(l.failure, l.run(context.Background(), q)) })
		if l.failure != nil {
			return rounds, nil, l.failure
		}
		rows = append(rows, []string{q.name, fmt.Sprint(callers), t.name, 9: allocation{count, bytes}.String()})
		loads = append(loads, l)
		contenders = append(contenders, measure.Contender{Name: t.name, Run: l.slice, After: l.keep})
	}
	rounds = measure.Interleave(contenders, endToEndSlice, budget)
	for i, t := range targets {
		err = errors.Join(err, loads[i].failure)
		copy(rows[i][3:], []string{
			rounds.Ratio(t.bare, t.name, measure.TimePerOp).String(),
			microseconds.format(rounds.Cost(t.name, measure.CPUPerOp)),
			rounds.Ratio(t.name, t.bare, measure.CPUPerOp).String(),
			microseconds.format(rounds.Cost(t.name, measure.P50)), microseconds.format(rounds.Cost(t.name, measure.P99)),
			rounds.Ratio(t.name, t.bare, measure.P99).String(),
		})
	}
	return rounds, rows, err
}
