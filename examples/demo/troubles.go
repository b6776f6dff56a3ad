package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"time"

	"github.com/otelpool/otelpool-go/otelpool"
)

// longHold is the age at which a connection in use is reported: more than a request may take, so that it is a leak. A
// program would rather say 60 s, as the pool-monitoring guide does.
const longHold = requestTimeout + 500*time.Millisecond

// peakWindow makes a spike show in every push, and in every scrape as often as that, and hides it soon enough for the
// next one. The default of a minute suits usual intervals.
const peakWindow = pushInterval

// What the troubles take, and for how long.
const (
	leakTime = 6 * time.Second

	spikeCallers = 12
	spikeTime    = 150 * time.Millisecond

	nestedCallers = (baseSize+maxOverflow)/2 + 1 // too many for each to have two connections
	nestedWait    = time.Second
	nestedQueries = 6
	nestedTime    = 300 * time.Millisecond // of a query

	idleCallers = 8
	idleTime    = 400 * time.Millisecond
)

// trouble is something that goes wrong with pools. It has a route that makes it, whoever calls, and a phase of the
// traffic that does so.
type trouble struct {
	name        string // of the phase, and of the route below /trouble/
	about, look string // what it is, and where it shows
	do          func(s *service, ctx context.Context, r *http.Request) (any, error)
	length      time.Duration // of the phase
	again       time.Duration // from the end of one request to the next in the phase; 0 for one alone
}

func (t trouble) route() route {
	return route{method: http.MethodGet, path: "/trouble/" + t.name, about: t.about, do: t.do}
}

var troubles = []trouble{
	{
		name: "leak", do: (*service).leak, length: 7 * time.Second,
		about: fmt.Sprintf("a connection is not given back in %v", leakTime),
		look:  "db_pool_oldest_hold_seconds, db_pool_long_holds_total, log",
	},
	{
		name: "spike", do: (*service).spike, length: 3 * time.Second,
		about: fmt.Sprintf("%d connections are in use at once, for %v between two lines", spikeCallers, spikeTime),
		look:  "db_pool_peak, which alone shows it",
	},
	{
		name: "nested", do: (*service).nested, length: 4 * time.Second,
		about: fmt.Sprintf("%d callers take a second connection", nestedCallers),
		look:  "db_pool_nested_acquires_total, db_pool_timeouts_total, log",
	},
	{
		name: "idle", do: (*service).idle, length: 4 * time.Second, again: 10 * time.Millisecond,
		about: fmt.Sprintf("%d connections are held idle", idleCallers),
		look:  "db_pool_busy_seconds_total beside db_pool_hold_duration_seconds_sum",
	},
	{
		name: "tx", do: (*service).openTransaction, length: 3 * time.Second, again: 500 * time.Millisecond,
		about: "transactions are left open",
		look:  `db_pool_connections_closed_total{reason="in_transaction"}, log`,
	},
}

// leak forgets to give its connection back. Much later the demo does it, so that it can go on, and end.
func (s *service) leak(ctx context.Context, _ *http.Request) (any, error) {
	conn, err := s.pool.Acquire(otelpool.WithOperation(ctx, "forget_to_release"))
	if err != nil {
		return nil, err
	}
	var n int
	if err := conn.QueryRow(ctx, `SELECT count(*) FROM otelpool_demo.users`).Scan(&n); err != nil {
		conn.Release()
		return nil, err
	}
	s.leaks.Go(func() {
		defer conn.Release()
		select {
		case <-time.After(leakTime):
		case <-s.closing:
		}
	})
	return map[string]int{"users": n}, nil
}

func (s *service) spike(ctx context.Context, _ *http.Request) (any, error) {
	ctx = otelpool.WithOperation(ctx, "burst")
	return map[string]int{"callers": spikeCallers}, crowd(ctx, spikeCallers, func(ctx context.Context, meet func()) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		meet()
		_, err = conn.Exec(ctx, `SELECT pg_sleep($1)`, spikeTime.Seconds())
		return err
	})
}

// nested has callers wait for what they keep from each other. It ends because they do not wait for ever.
func (s *service) nested(ctx context.Context, _ *http.Request) (any, error) {
	return map[string]int{"callers": nestedCallers}, crowd(ctx, nestedCallers, func(ctx context.Context, meet func()) error {
		first, err := s.pool.Acquire(otelpool.WithOperation(ctx, "take_first"))
		if err != nil {
			return err
		}
		defer first.Release()
		meet()
		wait, cancel := context.WithTimeout(ctx, nestedWait)
		defer cancel()
		second, err := s.pool.Acquire(otelpool.WithOperation(wait, "take_second"))
		if err != nil {
			return err
		}
		defer second.Release()
		for range nestedQueries {
			if _, err := second.Exec(ctx, `SELECT pg_sleep($1)`, nestedTime.Seconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

// idle keeps connections while it does something else.
func (s *service) idle(ctx context.Context, _ *http.Request) (any, error) {
	ctx = otelpool.WithOperation(ctx, "hold_idle")
	return map[string]int{"callers": idleCallers}, crowd(ctx, idleCallers, func(ctx context.Context, meet func()) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		meet()
		_, err = conn.Exec(ctx, `SELECT FROM otelpool_demo.roles`)
		sleep(ctx, idleTime) // in place of what it does without the database
		return err
	})
}

// openTransaction forgets to commit. pgx closes the connection, and the server takes back what was done.
func (s *service) openTransaction(ctx context.Context, _ *http.Request) (any, error) {
	ctx = otelpool.WithOperation(ctx, "forget_to_commit")
	conn, err := s.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	defer conn.Release()
	tx, err := conn.Begin(ctx)
	if err != nil {
		return nil, err
	}
	_, err = tx.Exec(ctx, `UPDATE otelpool_demo.accounts SET balance = balance + 1000 WHERE id = 1`)
	return map[string]bool{"committed": false}, err
}

// crowd has n callers do something at once, each in a scope of its own, as if it were a request. By meet one of them
// waits for the others to come as far.
func crowd(ctx context.Context, n int, do func(ctx context.Context, meet func()) error) error {
	var callers, coming sync.WaitGroup
	coming.Add(n)
	errs := make([]error, n)
	for i := range n {
		callers.Go(func() {
			arrive := sync.OnceFunc(coming.Done)
			defer arrive() // or else the others would wait for one that failed before
			errs[i] = do(otelpool.WithScope(ctx), func() {
				arrive()
				coming.Wait()
			})
		})
	}
	callers.Wait()
	return errors.Join(errs...)
}
