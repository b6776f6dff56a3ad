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

// longHold is the age from which a hold is reported. It is longer than any request, so such a hold has outlived its
// request. A real program would use 60 s, as GUIDE.md advises.
const longHold = requestTimeout + 500*time.Millisecond

// peakWindow equals the push interval, so that every push shows the last spike, and it does not hide the next one. The
// default of a minute suits usual intervals.
const peakWindow = pushInterval

// Sizes and durations of the troubles.
const (
	// A leak is found after ten seconds. A single connection does not count as a leak: it may be kept on purpose.
	leakedConns = 2
	leakTime    = 14 * time.Second
	// Leaks use these names in turns, because a unit of work that has returned a connection after a long time is not
	// reported as a leak for ten minutes.
	leakNames = 20

	spikeCallers = 12
	spikeTime    = 150 * time.Millisecond

	nestedCallers = (baseSize+maxOverflow)/2 + 1 // too many for each to have two connections
	nestedWait    = time.Second
	nestedQueries = 6
	nestedTime    = 300 * time.Millisecond // of a query

	idleCallers = 8
	idleTime    = 400 * time.Millisecond

	transactionTime = 10 * time.Second // it is found after five
)

// trouble is a typical problem of pools. A request for its route causes it, and the traffic has a phase with such
// requests.
type trouble struct {
	name        string   // of the phase, and of the route below /trouble/
	about, look string   // description, and the metrics that show it
	operations  []string // that a finding may name, or prefixes of them
	do          func(s *service, ctx context.Context, r *http.Request) (any, error)
	length      time.Duration // of the phase
	again       time.Duration // pause between two requests in the phase; 0 for a single request
}

func (t trouble) route() route {
	return route{method: http.MethodGet, path: "/trouble/" + t.name, about: t.about, do: t.do}
}

var troubles = []trouble{
	{
		name: "leak", do: (*service).leak, length: leakTime + time.Second,
		operations: []string{"forget_to_release_"},
		about:      fmt.Sprintf("%d connections are not released for %v", leakedConns, leakTime),
		look:       "db_pool_oldest_hold_seconds, db_pool_long_holds_total, log",
	},
	{
		name: "spike", do: (*service).spike, length: 3 * time.Second,
		operations: []string{"burst"},
		about:      fmt.Sprintf("%d connections are in use for %v, between two lines", spikeCallers, spikeTime),
		look:       "db_pool_peak only",
	},
	{
		name: "nested", do: (*service).nested, length: 4 * time.Second,
		operations: []string{"take_first", "take_second"},
		about:      fmt.Sprintf("%d callers acquire a second connection", nestedCallers),
		look:       "db_pool_nested_acquires_total, db_pool_timeouts_total, log",
	},
	{
		name: "idle", do: (*service).idle, length: 4 * time.Second, again: 10 * time.Millisecond,
		operations: []string{"hold_idle"},
		about:      fmt.Sprintf("%d connections are held idle", idleCallers),
		look:       "db_pool_busy_seconds_total beside db_pool_hold_duration_seconds_sum",
	},
	{
		name: "idletx", do: (*service).idleTransaction, length: transactionTime + time.Second,
		operations: []string{"wait_in_transaction"},
		about:      fmt.Sprintf("a transaction is idle for %v, transfers wait for its locks", transactionTime),
		look:       "/debug/pool/, errors, log",
	},
	{
		name: "tx", do: (*service).openTransaction, length: 3 * time.Second, again: 500 * time.Millisecond,
		operations: []string{"forget_to_commit"},
		about:      "transactions are left open",
		look:       `db_pool_connections_closed_total{reason="in_transaction"}, log`,
	},
}

// leak does not release its connections. The demo releases them much later, so that it can continue and end.
func (s *service) leak(ctx context.Context, _ *http.Request) (any, error) {
	operation := fmt.Sprintf("forget_to_release_%d", s.leaks.Add(1)%leakNames)
	return map[string]int{"connections": leakedConns}, runConcurrently(ctx, leakedConns, func(ctx context.Context, _ func()) error {
		conn, err := s.pool.Acquire(otelpool.WithOperation(ctx, operation))
		if err != nil {
			return err
		}
		defer s.later(leakTime, conn.Release)
		_, err = conn.Exec(ctx, `SELECT FROM otelpool_demo.users`)
		return err
	})
}

// later calls end after a time, or when the service is closed.
func (s *service) later(after time.Duration, end func()) {
	s.held.Go(func() {
		defer end()
		select {
		case <-time.After(after):
		case <-s.closing:
		}
	})
}

func (s *service) spike(ctx context.Context, _ *http.Request) (any, error) {
	ctx = otelpool.WithOperation(ctx, "burst")
	return map[string]int{"callers": spikeCallers}, runConcurrently(ctx, spikeCallers, func(ctx context.Context, waitForAll func()) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		waitForAll()
		_, err = conn.Exec(ctx, `SELECT pg_sleep($1)`, spikeTime.Seconds())
		return err
	})
}

// nested makes callers wait for each other's connections. The timeout of the second acquire ends that.
func (s *service) nested(ctx context.Context, _ *http.Request) (any, error) {
	return map[string]int{"callers": nestedCallers}, runConcurrently(ctx, nestedCallers, func(ctx context.Context, waitForAll func()) error {
		first, err := s.pool.Acquire(otelpool.WithOperation(ctx, "take_first"))
		if err != nil {
			return err
		}
		defer first.Release()
		waitForAll()
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

// idle holds connections while it does other work.
func (s *service) idle(ctx context.Context, _ *http.Request) (any, error) {
	ctx = otelpool.WithOperation(ctx, "hold_idle")
	return map[string]int{"callers": idleCallers}, runConcurrently(ctx, idleCallers, func(ctx context.Context, waitForAll func()) error {
		conn, err := s.pool.Acquire(ctx)
		if err != nil {
			return err
		}
		defer conn.Release()
		waitForAll()
		_, err = conn.Exec(ctx, `SELECT FROM otelpool_demo.roles`)
		sleep(ctx, idleTime) // stands for work without the database
		return err
	})
}

// idleTransaction locks accounts and then waits, as if for another service. Transfers wait for the locks until they
// time out.
func (s *service) idleTransaction(ctx context.Context, _ *http.Request) (any, error) {
	ctx = otelpool.WithOperation(ctx, "wait_in_transaction")
	tx, err := s.pool.Begin(ctx)
	if err != nil {
		return nil, err
	}
	rollback := func() {
		ctx, cancel := context.WithTimeout(context.Background(), requestTimeout)
		defer cancel()
		_ = tx.Rollback(ctx) // after an error pgx closes the connection
	}
	tag, err := tx.Exec(ctx, `SELECT FROM otelpool_demo.accounts FOR UPDATE SKIP LOCKED`)
	if err != nil {
		rollback()
		return nil, err
	}
	s.later(transactionTime, rollback)
	return map[string]int64{"locked": tag.RowsAffected()}, nil
}

// openTransaction does not commit. pgx closes the connection, and the server rolls the transaction back.
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

// runConcurrently runs do n times concurrently, each in its own scope like a request. waitForAll waits until all calls
// have reached it.
func runConcurrently(ctx context.Context, n int, do func(ctx context.Context, waitForAll func()) error) error {
	var callers, arriving sync.WaitGroup
	arriving.Add(n)
	errs := make([]error, n)
	for i := range n {
		callers.Go(func() {
			arrive := sync.OnceFunc(arriving.Done)
			defer arrive() // a call that fails must not block the others
			errs[i] = do(otelpool.WithScope(ctx, ""), func() {
				arrive()
				arriving.Wait()
			})
		})
	}
	callers.Wait()
	return errors.Join(errs...)
}
