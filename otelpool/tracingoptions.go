package otelpool

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/spans"
)

// WithTracerProvider turns on spans: one, of kind client, for each query, batch, CopyFrom, connect, and Prepare that
// the program itself asks for. A nil provider is the global one, [otel.GetTracerProvider]. Without the option there are
// no spans.
//
// A span begins only where its parent, in the context of the call, is recording, or is remote and sampled;
// [WithRootSpans] adds those without a parent. Its name is the operation's, as in the metrics: see [WithOperation]. If
// there is none, it is "postgresql". The attributes are those of the semantic conventions v1.43.0 for PostgreSQL:
// db.system.name, db.namespace, server.address and server.port as [WithServerAttributes] has them, db.query.summary,
// db.operation.batch.size, db.response.returned_rows of what the server counts as SELECT, and of a CopyFrom
// db.operation.name and db.collection.name; beside them the pool's name and the attributes of [WithAttributes].
// [WithQueryText] and [WithQueryParameters] add the text and parameters. A span that failed has the status Error,
// error.type and, if the server answered, db.response.status_code. No text of an error is in it, since that may quote
// values.
//
// A batch has one span. Its queries are events named "query", since pgx gives them no duration of their own: the first
// 128, and the first that failed. A batch of one query is a query. A Prepare inside a query is a part of that query, and so
// is the one by which CopyFrom reads the columns of its table. Queries of a prepared statement are named by its text.
//
// No other tracer of the pool, and no hook, finds these spans in its context: they are beside the spans of a tracer
// that the configuration had before, otelpgx's for example, only those of acquires are below. In a multitracer they are
// below those of a tracer that comes first. Exemplars lead to them. The span of a query ends when its rows are closed,
// at the latest when the connection is released, then with the error "connection". One with rows that are never closed
// stays open for as long as its connection is held. A connection that was hijacked and is dropped with open rows leaves
// its span without an end. A pool registered by [Register] has no spans.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return optionFunc(func(c config) config {
		c.traced, c.tracerProvider = true, provider
		return c
	})
}

// WithRootSpans makes the spans of [WithTracerProvider] begin also where there is no parent: the sampler of the
// provider decides. Connections that are opened in the background have spans only then.
func WithRootSpans() Option {
	return optionFunc(func(c config) config {
		c.rootSpans = true
		return c
	})
}

// DefaultAcquireSpans is a threshold for [WithAcquireSpans] that leaves out acquires that did not wait.
const DefaultAcquireSpans = time.Millisecond

// WithAcquireSpans adds a span "pool.acquire", of kind internal, for each acquire that took at least the threshold. Its
// attributes pgxpool.acquire.queue, .connect, .ping and .prepare are the seconds that it spent waiting for a slot,
// opening a connection, pinging an idle one, and in the PrepareConn hook. If it waited for a slot, and other work gave
// it its connection, a link leads to the span in which that work acquired it. The span is made when the acquire ends,
// so a connect is beside it, not below. It needs [WithTracerProvider]. A threshold of 0 or below is an error.
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
	SQL        string // the text of the statement, "" for spans of anything but a single statement
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

// WithSpanStart sets a function that may change the name and the attributes of each span of [WithTracerProvider] before
// it begins. It is called on the caller's goroutine, so it must be fast, must not use the pool, and must be safe for
// concurrent use. If it panics, there is no span. A nil function changes nothing.
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
	QueryTextRaw                            // as it is, with the values that the program put into it
)

// WithQueryText adds the text of queries to spans, as db.query.text, and to the lines of [WithSlowQuery]. By default it
// is shown nowhere. At most 8 KiB are shown, 2 KiB without literals, and of a prepared statement 1 KiB. The queries of
// a batch share 8 KiB for their events. Any other value than the two of QueryText is an error.
func WithQueryText(text QueryText) Option {
	return optionFunc(func(c config) config {
		c.shown.text, c.textSet = text, true
		return c
	})
}

// WithQueryParameters adds parameters of queries to spans, as db.query.parameter.<key>, and to the lines of
// [WithSlowQuery]. By default none is shown. The filter is called for each of the first 64 parameters with the name of
// the operation, the key, which is the parameter's name in [pgx.NamedArgs] and else its index from 0, and the value. It
// returns the text to show, of which 1 KiB is, and whether to show it. Parameters of batches of several queries are not
// shown, nor what another [pgx.QueryRewriter] makes of its arguments.
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
// parameters. The duration is that of db.client.operation.duration, so it contains the time in which the program reads
// the rows. A query that has no end, because its rows were not closed, has no line. There are at most ten lines a
// second; the next says how many were left out. A threshold below a millisecond is an error.
func WithSlowQuery(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.slowQuery, c.slowQuerySet = threshold, true
		return c
	})
}
