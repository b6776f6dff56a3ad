package rig

import (
	"context"
	"errors"
	"io"
	"maps"
	"net"
	"strings"
	"sync"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// Counts are the callers' own counts of a load on one pool: their calls and the results. It is safe for concurrent
// use.
type Counts struct {
	mu       sync.Mutex
	acquires map[string]int64 // by result
	either   int64            // acquires that failed at the moment of their deadline: timeout or error
	calls    map[string]int64 // by operation and class, "" for success
	uses     map[string]int64 // by the holder's name
	opened   int64
	closed   int64
	refused  map[string]int64 // failed connection attempts, by class
	samples  map[string]string
}

// NewCounts returns empty counts.
func NewCounts() *Counts {
	return &Counts{acquires: map[string]int64{}, calls: map[string]int64{}, uses: map[string]int64{}, refused: map[string]int64{}, samples: map[string]string{}}
}

func (l *Counts) count(to map[string]int64, key string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	to[key]++
}

func (l *Counts) countAcquire(ctx context.Context, err error) {
	result := "error"
	switch {
	case err == nil:
		result = "ok"
	// pgxpool's own error when the context of an Acquire has ended. A dial that timed out returns another error.
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
	l.count(l.acquires, result)
}

func (l *Counts) countCall(operation string, err error) {
	class := Class(err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.calls[operation+" "+class]++
	if _, known := l.samples[class]; !known && err != nil {
		l.samples[class] = operation + ": " + err.Error()
	}
}

// Classes returns the number of failed calls by class. It lists failed connection attempts under "connect " and the
// class.
func (l *Counts) Classes() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	classes := make(map[string]int64)
	for key, n := range l.calls {
		if class := key[strings.LastIndexByte(key, ' ')+1:]; class != "" {
			classes[class] += n
		}
	}
	for class, n := range l.refused {
		classes["connect "+class] += n
	}
	return classes
}

// Acquires returns the number of acquires by result.
func (l *Counts) Acquires() map[string]int64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return maps.Clone(l.acquires)
}

// Total returns the number of calls.
func (l *Counts) Total() (total int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, n := range l.calls {
		total += n
	}
	return total
}

// Example returns the text of a failure of a class.
func (l *Counts) Example(class string) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.samples[class]
}

// Class returns the expected error.type of an error: the SQLSTATE, or a word for the cause, or "" for no error. It
// follows otelpool's documentation, not its code.
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
		switch text := err.Error(); {
		case errors.Is(err, syscall.ECONNREFUSED), errors.Is(err, syscall.ENOENT):
			return "refused"
		case strings.Contains(text, "lookup"):
			return "dns"
		case strings.Contains(text, "tls"), strings.Contains(text, "TLS"):
			return "tls"
		}
		return "connect"
	case errors.As(err, &network), errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed),
		pgconn.SafeToRetry(err):
		return "connection"
	}
	return "_OTHER"
}

type connectTracer struct{ counts *Counts }

// TraceQueryStart implements pgx.QueryTracer, which every tracer must implement.
func (connectTracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (connectTracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (connectTracer) TraceConnectStart(ctx context.Context, _ pgx.TraceConnectStartData) context.Context {
	return ctx
}

func (c connectTracer) TraceConnectEnd(_ context.Context, data pgx.TraceConnectEndData) {
	c.counts.mu.Lock()
	defer c.counts.mu.Unlock()
	if data.Err == nil {
		c.counts.opened++
	} else {
		c.counts.refused[Class(data.Err)]++
	}
}

func (l *Counts) countClosed() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed++
}
