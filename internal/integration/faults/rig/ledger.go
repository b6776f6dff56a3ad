package rig

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Ledger is the books of a load on one pool: what its callers did and what they were told. It is safe for concurrent
// use.
type Ledger struct {
	mu       sync.Mutex
	acquires map[string]int64 // by result
	either   int64            // acquires that failed at the very moment of their deadline: timeout or error
	calls    map[string]int64 // by operation and class, "" for success
	uses     map[string]int64 // by the name the holder gave
	opened   int64
	closed   int64
	refused  map[string]int64 // connections that could not be made, by class
	samples  map[string]string
}

// NewLedger makes an empty one.
func NewLedger() *Ledger {
	return &Ledger{acquires: map[string]int64{}, calls: map[string]int64{}, uses: map[string]int64{}, refused: map[string]int64{}, samples: map[string]string{}}
}

func (l *Ledger) note(to map[string]int64, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to[key]++
}

// noteAcquire keeps the books of an Acquire.
func (l *Ledger) noteAcquire(ctx context.Context, err error) {
	result := "error"
	switch {
	case err == nil:
		result = "ok"
	// What pgxpool itself says when the context of an Acquire has ended. A dial that took too long says so in other words.
	case err == context.DeadlineExceeded:
		result = "timeout"
	case err == context.Canceled:
		result = "canceled"
	case ctx.Err() != nil && errors.Is(err, ctx.Err()):
		l.mu.Lock()
		l.either++
		l.mu.Unlock()
		return
	}
	l.note(l.acquires, result)
}

// noteCall keeps the books of a call on a connection, and an example of each class.
func (l *Ledger) noteCall(operation string, err error) {
	class := Class(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[operation+" "+class]++
	if _, known := l.samples[class]; !known && err != nil {
		l.samples[class] = operation + ": " + err.Error()
	}
}

// Classes gives how many calls failed by class, and connections that could not be made, under "connect " and the class.
func (l *Ledger) Classes() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	classes := make(map[string]int64)
	for key, n := range l.calls {
		if class := key[lastSpace(key)+1:]; class != "" {
			classes[class] += n
		}
	}
	for class, n := range l.refused {
		classes["connect "+class] += n
	}
	return classes
}

// Acquires gives them by result.
func (l *Ledger) Acquires() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acquires)
}

// Total gives how many calls there were.
func (l *Ledger) Total() (total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.calls {
		total += n
	}
	return total
}

// Example gives what a failure of a class said.
func (l *Ledger) Example(class string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.samples[class]
}

func lastSpace(s string) int {
	for i := len(s) - 1; i >= 0; i-- {
		if s[i] == ' ' {
			return i
		}
	}
	return -1
}

// Class is what error.type is to be for an error, "" for none: the SQLSTATE, else a word for what went wrong. It is
// written from what otelpool documents, not from its code.
func Class(err error) string {
	var pgErr *pgconn.PgError
	var connect *pgconn.ConnectError
	var network net.Error
	switch {
	case err == nil, errors.Is(err, pgx.ErrNoRows):
		return ""
	case errors.As(err, &pgErr):
		return pgErr.Code
	case errors.Is(err, context.Canceled):
		return "canceled"
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &network) && network.Timeout():
		return "timeout"
	case errors.As(err, &connect):
		return "connect"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		pgconn.SafeToRetry(err):
		return "connection"
	}
	return "_OTHER"
}

// connectTracer writes into the books which connections could be made.
type connectTracer struct{ ledger *Ledger }

// TraceQueryStart implements pgx.QueryTracer, which every tracer must.
func (connectTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (connectTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceConnectStart implements pgx.ConnectTracer.
func (connectTracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (c connectTracer) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	c.ledger.mu.Lock()
	defer c.ledger.mu.Unlock()
	if data.Err == nil {
		c.ledger.opened++
	} else {
		c.ledger.refused[Class(data.Err)]++
	}
}

func (l *Ledger) noteClosed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++
}
