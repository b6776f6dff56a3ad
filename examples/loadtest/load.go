package main

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	// operation is the name of the only statement in the metrics, if there is no file of statements.
	operation = "load_test"

	// pauseAfterFailure limits the rate of requests while the database is unreachable.
	pauseAfterFailure = 250 * time.Millisecond

	// drainLimit is the time that running requests may take after the end of the load.
	drainLimit = 5 * time.Second
)

// load sends requests and counts them. It is safe for concurrent use.
type load struct {
	pool       *pgxpool.Pool
	statements []statement

	mu sync.Mutex
	requestCounts
}

// requestCounts counts requests by result.
type requestCounts struct {
	done     int            // successful
	canceled int            // still running after drainLimit
	failed   map[string]int // by kind

	// Of the open loop.
	dropped int // too many were in flight
	late    int // begun at least lateAfter after they were due: this machine is too busy
}

// run makes callers send requests, each after the answer to the previous one, until ctx ends. It waits for the running
// requests.
func (l *load) run(ctx context.Context, concurrency int) {
	// The end of ctx does not cancel running requests.
	requests, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	var callers sync.WaitGroup
	for range concurrency {
		callers.Go(func() { l.call(ctx, requests) })
	}
	<-ctx.Done()
	limit := time.AfterFunc(drainLimit, cancel)
	defer limit.Stop()
	callers.Wait()
}

// call sends one request after the other until ctx ends.
func (l *load) call(ctx, requests context.Context) {
	for ctx.Err() == nil {
		err := l.request(requests)
		l.count(err, requests.Err() != nil)
		if err != nil {
			pause(ctx, pauseAfterFailure)
		}
	}
}

// request runs one of the statements and reads its rows.
func (l *load) request(ctx context.Context) error {
	s := pick(l.statements)
	rows, err := l.pool.Query(otelpool.WithOperation(ctx, s.name), s.sql)
	if err != nil {
		return err
	}
	rows.Close()
	return rows.Err()
}

func (l *load) count(err error, canceled bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.done++
	case canceled:
		l.canceled++
	default:
		if l.failed == nil {
			l.failed = make(map[string]int)
		}
		l.failed[kind(err)]++
	}
}

// counts returns a copy of the counts so far.
func (l *load) counts() requestCounts {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := l.requestCounts
	t.failed = maps.Clone(l.failed)
	return t
}

func (t requestCounts) failures() (n int) {
	for _, of := range t.failed {
		n += of
	}
	return n
}

// kind returns a short reason why a request failed.
func kind(err error) string {
	if pgErr, ok := errors.AsType[*pgconn.PgError](err); ok {
		return "SQLSTATE " + pgErr.Code
	}
	_, connecting := errors.AsType[*pgconn.ConnectError](err)
	switch {
	case errors.Is(err, otelpool.ErrAcquireTimeout):
		return "acquire timeout"
	case connecting:
		return "cannot connect"
	default:
		return "connection lost"
	}
}

// pause waits for d or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}
