package main

import (
	"cmp"
	"context"
	"database/sql"
	"strconv"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/bench/peers"
)

// The contenders end to end.
const (
	barePool     = "pgxpool"
	oursPool     = "otelpool"
	otelpgxPool  = "otelpgx"
	namesPool    = "otelpgx with names"
	bareDatabase = "database/sql"
	xsamDatabase = "XSAM/otelsql"
	nhatDatabase = "go.nhat.io/otelsql"
)

// target is a pool under load.
type target struct {
	name string
	pgx  *pgxpool.Pool // exactly one of the two is set
	sql  *sql.DB
	end  func()
}

func newTargets(connString string) (targets []target, err error) {
	defer func() {
		if err != nil {
			closeTargets(targets)
		}
	}()
	for _, c := range []struct {
		name  string
		maker peers.Maker
	}{{barePool, peers.Bare}, {oursPool, peers.Otelpool()}, {otelpgxPool, peers.Otelpgx()}, {namesPool, peers.OtelpgxNames()}} {
		pool, end, err := c.maker(connString+"&pool_max_conns="+strconv.Itoa(poolSize), "bench", sdk(1)())
		if err != nil {
			return targets, err
		}
		targets = append(targets, target{name: c.name, pgx: pool, end: func() { end(); pool.Close() }})
	}
	for _, c := range []struct {
		name  string
		maker peers.SQLMaker
	}{{bareDatabase, peers.BareSQL}, {xsamDatabase, peers.XSAM}, {nhatDatabase, peers.Nhat}} {
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
		db, err := c.maker(connString, provider)
		if err != nil {
			return targets, err
		}
		db.SetMaxOpenConns(poolSize)
		db.SetMaxIdleConns(poolSize)
		targets = append(targets, target{name: c.name, sql: db, end: func() { _ = db.Close() }})
	}
	return targets, nil
}

func closeTargets(targets []target) {
	for _, t := range targets {
		t.end()
	}
}

// query runs a query once.
func (t target) query(ctx context.Context, which int) error {
	if t.pgx != nil {
		return queries[which].pgx(ctx, t.pgx)
	}
	return queries[which].sql(ctx, t.sql)
}

// load runs one query on a target by several concurrent callers.
type load struct {
	target
	which   int
	callers []caller

	latencies []measure.Latencies // one for each slice
	failure   error
}

// caller waits for each query before it makes the next.
type caller struct {
	took    []time.Duration
	failure error
}

func newLoad(t target, which, callers int) *load {
	return &load{target: t, which: which, callers: make([]caller, callers)}
}

// contender returns the load as a contender of a comparison.
func (l *load) contender() measure.Contender {
	return measure.Contender{Name: l.name, Run: l.run, After: l.keep}
}

func (l *load) run(slice time.Duration) (ops int) {
	var done sync.WaitGroup
	begin := time.Now()
	for i := range l.callers {
		c := &l.callers[i]
		done.Go(func() {
			for last := time.Since(begin); last < slice && c.failure == nil; {
				c.failure = l.query(context.Background(), l.which)
				now := time.Since(begin)
				c.took = append(c.took, now-last)
				last = now
			}
		})
	}
	done.Wait()
	for i := range l.callers {
		ops += len(l.callers[i].took)
	}
	return ops
}

// keep keeps the latencies of a slice.
func (l *load) keep() {
	var all measure.Latencies
	for i := range l.callers {
		c := &l.callers[i]
		for _, took := range c.took {
			all.Add(took)
		}
		c.took = c.took[:0]
		l.failure = cmp.Or(l.failure, c.failure)
	}
	l.latencies = append(l.latencies, all)
}
