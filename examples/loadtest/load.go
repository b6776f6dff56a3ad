package main

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	// operation is what the requests are called in the metrics.
	operation = "load_test"

	// pauseAfterFailure keeps callers from asking a database that is away as fast as they can.
	pauseAfterFailure = 250 * time.Millisecond

	// drainLimit is how long requests that are under way at the end may go on.
	drainLimit = 5 * time.Second
)

// load is callers that make requests as fast as they are answered. It is safe for concurrent use.
type load struct {
	pool  *pgxpool.Pool
	query string

	mu sync.Mutex
	tally
}

// tally is what became of requests.
type tally struct {
	done   int            // answered
	cut    int            // still under way when the time to wait for them was over
	failed map[string]int // by kind
}

// run has callers make requests until ctx ends, and waits for the requests that are then under way.
func (l *load) run(ctx context.Context, concurrency int) {
	// What was begun is not cut short by the end of ctx.
	requests, cancel := context.WithCancel(otelpool.WithOperation(context.WithoutCancel(ctx), operation))
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

// call makes one request after the other until ctx ends.
func (l *load) call(ctx, requests context.Context) {
	for ctx.Err() == nil {
		_, err := l.pool.Exec(requests, l.query)
		l.count(err, requests.Err() != nil)
		if err != nil {
			pause(ctx, pauseAfterFailure)
		}
	}
}

func (l *load) count(err error, cut bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case err == nil:
		l.done++
	case cut:
		l.cut++
	default:
		if l.failed == nil {
			l.failed = make(map[string]int)
		}
		l.failed[kind(err)]++
	}
}

// counted gives the tally so far.
func (l *load) counted() tally {
	l.mu.Lock()
	defer l.mu.Unlock()
	t := tally{done: l.done, cut: l.cut, failed: make(map[string]int)}
	for kind, n := range l.failed {
		t.failed[kind] = n
	}
	return t
}

func (t tally) failures() (n int) {
	for _, of := range t.failed {
		n += of
	}
	return n
}

// kind says in a word why a request failed.
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

// pause waits for d, or for the end of ctx.
func pause(ctx context.Context, d time.Duration) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
