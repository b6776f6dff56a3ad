package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/otelpool"
)

// tracer counts the calls by text, and records the holds during each.
type tracer struct {
	inst atomic.Pointer[otelpool.Instrumentation]

	mu    sync.Mutex
	calls map[string]int
	holds map[hold]bool
}

// hold is the unit of work of a hold, and the first function of its stack.
type hold struct{ unit, function string }

func (t *tracer) count(text string) {
	held := t.inst.Load().Held()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.calls[text]++
	for _, h := range held {
		if len(h.Stack) > 0 { // a hold that has just ended has none
			t.holds[hold{h.Operation, h.Stack[0].Function}] = true
		}
	}
}

// TraceQueryStart implements pgx.QueryTracer.
func (t *tracer) TraceQueryStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	t.count(data.SQL)
	return ctx
}

// TraceQueryEnd implements pgx.QueryTracer.
func (t *tracer) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

// TraceBatchStart implements pgx.BatchTracer.
func (t *tracer) TraceBatchStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceBatchStartData) context.Context {
	t.count("batch of " + data.Batch.QueuedQueries[0].SQL)
	return ctx
}

// TraceBatchQuery implements pgx.BatchTracer.
func (t *tracer) TraceBatchQuery(context.Context, *pgx.Conn, pgx.TraceBatchQueryData) {}

// TraceBatchEnd implements pgx.BatchTracer.
func (t *tracer) TraceBatchEnd(context.Context, *pgx.Conn, pgx.TraceBatchEndData) {}

// TraceCopyFromStart implements pgx.CopyFromTracer.
func (t *tracer) TraceCopyFromStart(ctx context.Context, _ *pgx.Conn, data pgx.TraceCopyFromStartData) context.Context {
	t.count("copy to " + data.TableName.Sanitize())
	return ctx
}

// TraceCopyFromEnd implements pgx.CopyFromTracer.
func (t *tracer) TraceCopyFromEnd(context.Context, *pgx.Conn, pgx.TraceCopyFromEndData) {}
