package otelpool

import (
	"cmp"
	"context"
	"log/slog"
	"sync"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
)

// maxSlowQueries is how many slow queries are logged a second: if the server is slow, all queries are.
const maxSlowQueries = 10

// slowQueries limits the lines about slow queries. It is safe for concurrent use.
type slowQueries struct {
	mu     sync.Mutex
	second time.Duration
	count  int // in that second
	left   int // that were not logged since the last line
}

// admit reports whether a line may be logged, and how many were left out since the last.
func (q *slowQueries) admit(now time.Duration) (left int, ok bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if second := now.Truncate(time.Second); second != q.second {
		q.second, q.count = second, 0
	}
	if q.count++; q.count > maxSlowQueries {
		q.left++
		return 0, false
	}
	left, q.left = q.left, 0
	return left, true
}

// slowQuery logs a call that took long. unit is the unit of work that holds the connection, nil if there is none.
func (h *hooks) slowQuery(ctx context.Context, op, unit *instruments.Operation, n *note, took time.Duration, f instruments.Failure, rows int64) {
	r := h.reports
	left, ok := r.slowQueries.admit(h.state.Now())
	if !ok {
		return
	}
	name := op.Name
	if n != nil {
		name, rows = cmp.Or(n.name, name), max(rows, n.rows)
	}
	attrs := []slog.Attr{slog.String("pool", r.pool), slog.String("operation", name), slog.Duration("duration", took)}
	if rows >= 0 {
		attrs = append(attrs, slog.Int64("rows", rows))
	}
	if f.Failed() {
		attrs = append(attrs, slog.String("error_type", f.ErrorType))
	}
	if unit != nil && unit != op {
		attrs = append(attrs, slog.String("unit_of_work", unit.Name))
	}
	if of := spanFrom(ctx); of.IsValid() {
		attrs = append(attrs, slog.String("trace_id", of.TraceID().String()), slog.String("span_id", of.SpanID().String()))
	}
	if n != nil && n.shown != nil {
		attrs = append(attrs, n.shown()...)
	}
	if left > 0 {
		attrs = append(attrs, slog.Int("not_logged_before", left))
	}
	r.log.warn("slow query", attrs...)
}

// spanFrom returns the span of a context. It recovers because the context is the program's, whose Value may panic.
func spanFrom(ctx context.Context) (of trace.SpanContext) {
	defer func() {
		if recover() != nil {
			of = trace.SpanContext{}
		}
	}()
	return trace.SpanContextFromContext(ctx)
}
