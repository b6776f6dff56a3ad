package otelpool

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/spans"
)

// WithTracerProvider turns on spans: one, of kind client, for each query, batch, CopyFrom, connect, and explicit
// Prepare. A nil provider means the global one, [otel.GetTracerProvider]. Without the option there are no spans.
//
// A span begins only if the context of the call has a parent span that is recording, or remote and sampled;
// [WithRootSpans] adds spans without a parent. Its name is that of the operation, as in the metrics (see
// [WithOperation]), or "postgresql" if there is none. The attributes are those of the semantic conventions v1.43.0 for
// PostgreSQL: db.system.name, db.namespace, server.address and server.port as for [WithServerAttributes],
// db.query.summary, db.operation.batch.size, db.response.returned_rows of statements that the server counts as SELECT,
// and db.operation.name and db.collection.name of a CopyFrom. There are also the pool's name and the attributes of
// [WithAttributes]. [WithQueryText] and [WithQueryParameters] add the text and parameters. A span of a failed operation
// has the status Error, error.type and, if the server answered, db.response.status_code. It does not have the text of
// the error, which may quote values.
//
// A batch has one span. The first 128 of its queries, and the first that failed, are events named "query", because pgx
// does not report their durations. A batch of one query is a query. A Prepare inside a query is part of that query; the
// Prepare by which CopyFrom reads the columns of its table is part of the CopyFrom. Queries of a prepared statement are
// named by its text.
//
// Other tracers and hooks of the pool do not see these spans in their contexts. So they are siblings, not parents, of
// the spans of a tracer that the configuration had before, such as otelpgx; only acquire spans are children of those.
// In a multitracer they are children of the spans of a tracer that comes first. Exemplars link to them. The span of a
// query ends when its rows are closed. If the connection is released before, the span ends then, with the error type
// "connection". If it is neither released nor its rows closed, the span stays open; if a hijacked connection is dropped
// with open rows, it never ends. A pool registered by [Register] has no spans.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return optionFunc(func(c config) config {
		c.traced, c.tracerProvider = true, provider
		return c
	})
}

// WithRootSpans makes the spans of [WithTracerProvider] begin even without a parent, if the provider's sampler decides
// so. Only with this option do connections opened in the background have spans.
func WithRootSpans() Option {
	return optionFunc(func(c config) config {
		c.rootSpans = true
		return c
	})
}

// DefaultAcquireSpans is a threshold for [WithAcquireSpans] that excludes acquires that did not wait.
const DefaultAcquireSpans = time.Millisecond

// WithAcquireSpans adds a span "pool.acquire", of kind internal, for each acquire that took at least the threshold. Its
// attributes pgxpool.acquire.queue, .connect, .ping and .prepare are the seconds that it spent waiting for a slot,
// opening a connection, pinging an idle one, and in the PrepareConn hook. If the acquire waited until other work
// released the connection, a link refers to the span in which that work had acquired it. The span is created when the
// acquire ends, so the span of a connect is its sibling, not its child. The option needs [WithTracerProvider]. A
// threshold of 0 or below is an error.
func WithAcquireSpans(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.acquireSpans, c.acquireSpansSet = threshold, true
		return c
	})
}

// SpanStart is a span that is about to begin. See [WithSpanStart].
type SpanStart struct {
	Name       string
	Attributes []attribute.KeyValue
	SQL        string // the text of the statement; "" unless the span is of a single statement
}

type spanStart func(ctx context.Context, s *SpanStart)

// call returns the function in the form in which package spans calls it, nil if there is none.
func (change spanStart) call() func(context.Context, *spans.Start) {
	if change == nil {
		return nil
	}
	return func(ctx context.Context, s *spans.Start) {
		given := SpanStart(*s)
		change(ctx, &given)
		*s = spans.Start(given)
	}
}

// WithSpanStart sets a function that may change the name and attributes of each span of [WithTracerProvider] before it
// begins. The function is called on the caller's goroutine, so it must be fast, must not use the pool, and must be safe
// for concurrent use. If it panics, there is no span. A nil function changes nothing.
func WithSpanStart(change func(ctx context.Context, s *SpanStart)) Option {
	return optionFunc(func(c config) config {
		c.spanStart = change
		return c
	})
}

// QueryText is how the text of a query is shown. See [WithQueryText].
type QueryText int

// The values of QueryText.
const (
	QueryTextSanitized QueryText = iota + 1 // without comments, and with ? for each literal
	QueryTextRaw                            // unchanged, including the values that the program put into it
)

// WithQueryText adds the text of queries to spans, as db.query.text, and to the lines of [WithSlowQuery]. By default it
// is not shown. A raw text is cut after 8 KiB, a sanitized text after 2 KiB, and the text of a prepared statement after
// 1 KiB. The events of a batch share 8 KiB. A value other than the two constants is an error.
func WithQueryText(text QueryText) Option {
	return optionFunc(func(c config) config {
		c.shown.text, c.textSet = text, true
		return c
	})
}

// WithQueryParameters adds parameters of queries to spans, as db.query.parameter.<key>, and to the lines of
// [WithSlowQuery]. By default no parameter is shown. The filter is called for each of the first 64 parameters with the
// name of the operation, the key and the value. The key is the parameter's name in [pgx.NamedArgs], else its index from
// 0. The filter returns the text to show, which is cut after 1 KiB, and whether to show it. It is not called for
// batches of several queries, nor for the arguments of another [pgx.QueryRewriter].
//
// The filter is called on the caller's goroutine before the query begins, so it must be fast, must not use the pool,
// and must be safe for concurrent use. If it panics, the parameter is not shown. A nil filter shows none.
func WithQueryParameters(filter func(operation, key string, value any) (text string, show bool)) Option {
	return optionFunc(func(c config) config {
		c.shown.parameters = filter
		return c
	})
}

// WithSlowQuery logs each query, batch, CopyFrom and Prepare that takes at least the threshold, at level Warn (see
// [WithLogger]): pool, operation, duration, rows if it is a SELECT, error type if it failed, the unit of work that
// holds the connection, and the trace and span of its context. [WithQueryText] and [WithQueryParameters] add text and
// parameters. The duration is that of db.client.operation.duration, so it includes the time that the program takes to
// read the rows. A query that never ends, because its rows were not closed, is not logged. At most ten lines a second
// are logged; the next line says how many were dropped. A threshold below a millisecond is an error.
func WithSlowQuery(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.slowQuery, c.slowQuerySet = threshold, true
		return c
	})
}
