package main

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/postgres"
)

const (
	poolSize    = 8
	mostCallers = 64

	// endToEndSlice is long enough for several hundred queries of each caller.
	endToEndSlice = 10 * time.Millisecond

	selectOne     = "SELECT 1"
	selectHundred = "SELECT id, name, amount FROM bench_rows ORDER BY id"

	makeRows = `CREATE TABLE bench_rows AS
		SELECT id::int4 AS id, 'name ' || id AS name, id * 1.5::float8 AS amount FROM generate_series(1, 100) AS g(id);
		ANALYZE bench_rows`
)

// queries are the queries of the measurement.
var queries = []struct {
	name string
	pgx  func(context.Context, *pgxpool.Pool) error
	sql  func(context.Context, *sql.DB) error
}{
	{selectOne, pgxOne, sqlOne},
	{"100 rows", pgxHundred, sqlHundred},
}

func pgxOne(ctx context.Context, pool *pgxpool.Pool) error {
	var n int32
	return pool.QueryRow(ctx, selectOne).Scan(&n)
}

func sqlOne(ctx context.Context, db *sql.DB) error {
	var n int32
	return db.QueryRowContext(ctx, selectOne).Scan(&n)
}

func pgxHundred(ctx context.Context, pool *pgxpool.Pool) error {
	rows, err := pool.Query(ctx, selectHundred)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	var (
		id, n  int32
		name   string
		amount float64
	)
	_, err = pgx.ForEachRow(rows, []any{&id, &name, &amount}, func() error { n++; return nil })
	return enough(n, err)
}

func sqlHundred(ctx context.Context, db *sql.DB) error {
	rows, err := db.QueryContext(ctx, selectHundred)
	if err != nil {
		return fmt.Errorf("query: %w", err)
	}
	defer func() { _ = rows.Close() }()
	var (
		id, n  int32
		name   string
		amount float64
	)
	for rows.Next() {
		if err := rows.Scan(&id, &name, &amount); err != nil {
			return fmt.Errorf("scan: %w", err)
		}
		n++
	}
	return enough(n, rows.Err())
}

func enough(rows int32, err error) error {
	if err == nil && rows != 100 {
		err = fmt.Errorf("%d rows instead of 100", rows)
	}
	return err
}

// endToEndCosts are the results for one query and one number of callers.
type endToEndCosts struct {
	query     string
	callers   int
	rounds    measure.Rounds
	latencies map[string][]measure.Latencies
	allocs    map[string]allocation
}

// measureEndToEnd starts a server and runs both queries through its unix socket. The pools have eight connections,
// and one, eight and 64 callers.
func measureEndToEnd(ctx context.Context, budget time.Duration) (all []endToEndCosts, err error) {
	server, err := postgres.Start(ctx, postgres.WithUnixSocket())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	if err := prepare(ctx, server.ConnString()); err != nil {
		return nil, err
	}
	allCallers := []int{1, poolSize, mostCallers}
	for which := range queries {
		for _, callers := range allCallers {
			costs, err := measureSetting(server.ConnString(), which, callers, budget/time.Duration(len(queries)*len(allCallers)))
			if err != nil {
				return nil, err
			}
			all = append(all, costs)
		}
	}
	return all, nil
}

// prepare creates the table of the queries.
func prepare(ctx context.Context, connString string) error {
	conn, err := pgx.Connect(ctx, connString)
	if err != nil {
		return fmt.Errorf("end to end: %w", err)
	}
	_, err = conn.Exec(ctx, makeRows)
	return errors.Join(err, conn.Close(ctx))
}

func measureSetting(connString string, which, callers int, budget time.Duration) (endToEndCosts, error) {
	costs := endToEndCosts{
		query: queries[which].name, callers: callers,
		latencies: map[string][]measure.Latencies{}, allocs: map[string]allocation{},
	}
	targets, err := newTargets(connString)
	if err != nil {
		return costs, err
	}
	defer closeTargets(targets)
	var loads []*load
	var contenders []measure.Contender
	for _, t := range targets {
		l := newLoad(t, which, callers)
		run(l, 5*endToEndSlice) // opens all connections and prepares the statements on each
		if l.failure != nil {
			return costs, l.failure
		}
		count, bytes := measure.Allocs(500, func() { err = errors.Join(err, t.query(context.Background(), which)) })
		costs.allocs[t.name] = allocation{count, bytes}
		loads, contenders = append(loads, l), append(contenders, l.contender())
	}
	costs.rounds = measure.Interleave(contenders, endToEndSlice, budget)
	for _, l := range loads {
		costs.latencies[l.name] = l.latencies[len(l.latencies)-len(costs.rounds.Slices):]
		err = errors.Join(err, l.failure)
	}
	return costs, err
}

// run runs a load without measuring it.
func run(l *load, slice time.Duration) {
	l.run(slice)
	l.keep()
}
