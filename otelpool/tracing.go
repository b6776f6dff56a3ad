package otelpool

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/spans"
)

// maxBatchEvents is how many queries of a batch have an event on its span, besides the first that failed. It is the SDK's
// limit.
const maxBatchEvents = 128

// tracing is how the calls of a pool are traced, and what is shown of their texts. Without a TracerProvider it only
// serves the lines about slow queries.
type tracing struct {
	tracer     *spans.Tracer // nil if there are no spans
	operations *instruments.Operations
	kinds      perOperation[spans.Kind]

	connect, acquire *spans.Kind
	acquireFrom      time.Duration // how long an acquire waits that has a span, never if none has

	shown queryDetails
	slow  time.Duration // from when a query is logged, never if none is
}

// newTracing returns nil if nothing is traced and no slow query is logged.
func newTracing(c config, cc *pgx.ConnConfig, operations *instruments.Operations) (*tracing, error) {
	if !c.traced && c.slowQuery == 0 {
		return nil, nil
	}
	t := &tracing{operations: operations, shown: c.shown, acquireFrom: never, slow: never}
	if c.slowQuery > 0 {
		t.slow = c.slowQuery
	}
	if !c.traced {
		return t, nil
	}
	provider := c.tracerProvider
	if provider == nil {
		provider = otel.GetTracerProvider()
	}
	c.serverAttributes = true
	tracer, err := spans.New(spans.Config{
		Provider: provider, Version: Version, Roots: c.rootSpans, Attributes: c.operationAttributes(cc), Change: c.spanStart.call(),
	})
	if err != nil {
		return nil, err
	}
	t.tracer = tracer
	t.kinds.make = func(op *instruments.Operation) *spans.Kind { return t.newKind(op.Name) }
	t.connect = tracer.NewKind("connect", trace.SpanKindClient)
	t.acquire = tracer.NewKind("pool.acquire", trace.SpanKindInternal)
	if c.acquireSpans > 0 {
		t.acquireFrom = c.acquireSpans
	}
	return t, nil
}

// note is kept with a call until it ends: its span, and the content of a slow-query line. Only the hooks see the span,
// because another tracer of the pool may end any span that it finds in the context of an event's end.
type note struct {
	in    context.Context    // has the span
	span  trace.Span         // nil if it has none
	name  string             // of an operation beyond the limit, whose own is _OTHER; "" if it is not needed
	shown func() []slog.Attr // nil if its name is all that is shown
	batch *batchNote         // nil unless it is a batch of several queries
	rows  int64              // of a batch of one query
	ended atomic.Bool
}

// batchNote is what is kept of a batch.
type batchNote struct {
	events int
	text   int  // bytes that may still be shown
	failed bool // a query did, and those after it were not done
}

// newNote returns a note of a call of op, whose name is name.
func newNote(op *instruments.Operation, name instruments.Name) *note {
	n := &note{rows: unknownRows}
	if op.Capped {
		n.name = instruments.Sanitize(name.Text)
	}
	return n
}

// context returns the context that has the span, ctx if there is no span. n may be nil.
func (n *note) context(ctx context.Context) context.Context {
	if n != nil && n.in != nil {
		return n.in
	}
	return ctx
}

// Forget implements poolstate.Note: the call has no end. Its connection is closed if it still runs.
func (n *note) Forget() {
	n.end(instruments.Failure{ErrorType: instruments.ErrorTypeConnection}, unknownRows)
}

// unknownRows is the number of rows of an operation that returns none.
const unknownRows = -1

// end ends the span of a call. n may be nil.
func (n *note) end(f instruments.Failure, rows int64) {
	if n == nil {
		return
	}
	rows = max(rows, n.rows)
	switch {
	case n.ended.Swap(true), n.span == nil:
	case rows >= 0:
		spans.End(n.span, f, semconv.DBResponseReturnedRows(int(rows)))
	default:
		spans.End(n.span, f)
	}
}

// newKind returns the Kind of spans of that name. Without a summary a span is named by its database system.
func (t *tracing) newKind(summary string) *spans.Kind {
	if summary == OtherOperation {
		return t.tracer.NewKind(semconv.DBSystemNamePostgreSQL.Value.AsString(), trace.SpanKindClient)
	}
	return t.tracer.NewKind(summary, trace.SpanKindClient, semconv.DBQuerySummary(summary))
}

// begin begins the span of a call. The limit of names holds for metrics alone: n has the name of an operation beyond it.
func (t *tracing) begin(ctx context.Context, n *note, op *instruments.Operation, d spans.Details) {
	kind := t.kinds.of(op)
	if n.name != "" {
		kind = t.newKind(n.name)
	}
	if in, span := t.tracer.Begin(ctx, kind, d); span != nil {
		n.in, n.span = in, span
	}
}

// wanted reports whether a span begins in ctx.
func (t *tracing) wanted(ctx context.Context) bool { return t.tracer != nil && t.tracer.Wanted(ctx) }

// query begins the span of a single query. name is that of op, and need not be set unless op is the capped one. The
// note is nil if there is nothing to keep.
func (t *tracing) query(ctx context.Context, op *instruments.Operation, name instruments.Name, s instruments.Statement, args []any) *note {
	wanted := t.wanted(ctx)
	if !wanted && (t.slow == never || !t.shown.any() && !op.Capped) {
		return nil
	}
	n := newNote(op, name)
	var parameters []parameter
	if t.shown.parameters != nil { // now, since the program may change them once the call has returned
		parameters = t.shown.shownParameters(op.Name, args)
	}
	if t.slow != never && t.shown.any() {
		n.shown = func() []slog.Attr { return t.shown.logged(t.operations, s, parameters) }
	}
	if wanted {
		d := spans.Details{SQL: s.SQL}
		if t.shown.any() {
			d.Attributes = t.shown.attributes(t.operations, s, parameters)
		}
		t.begin(ctx, n, op, d)
	}
	return n
}

// batch begins the span of a batch of any number of queries but one, which is a single query (semantic conventions, note on
// db.operation.batch.size).
func (t *tracing) batch(ctx context.Context, op *instruments.Operation, name instruments.Name, c *conn, queries []*pgx.QueuedQuery) *note {
	wanted := t.wanted(ctx)
	if !wanted && (t.slow == never || t.shown.text == 0 && !op.Capped) {
		return nil
	}
	n := newNote(op, name)
	n.batch = &batchNote{text: maxShownText}
	text := func() string { return t.shown.batchText(t.operations, c, queries) }
	if t.slow != never && t.shown.text != 0 {
		n.shown = func() []slog.Attr { return []slog.Attr{slog.String("sql", text())} }
	}
	if wanted {
		d := spans.Details{Attributes: []attribute.KeyValue{semconv.DBOperationBatchSize(len(queries))}}
		if t.shown.text != 0 {
			d.Attributes = append(d.Attributes, semconv.DBQueryText(text()))
		}
		t.begin(ctx, n, op, d)
	}
	return n
}

// batchQuery adds an event for a query of a batch, which has no duration of its own: pgx sends all queries together. In some
// modes pgx reports the error of the first query that failed for all after it as well.
func (t *tracing) batchQuery(ctx context.Context, c *conn, data pgx.TraceBatchQueryData) {
	n, _ := c.Note(poolstate.BatchCall).(*note)
	if n == nil {
		return
	}
	rows, b := returnedRows(data.CommandTag, data.Err), n.batch
	if b == nil {
		n.rows = rows
		return
	}
	f := failureOf(data.Err)
	if b.events++; n.span == nil || b.failed || b.events > maxBatchEvents && !f.Failed() {
		return
	}
	b.failed = f.Failed()
	s := c.statement(data.SQL)
	var attrs []attribute.KeyValue
	if name := instruments.Sanitize(t.operations.Name(ctx, s).Text); name != OtherOperation {
		attrs = append(attrs, semconv.DBQuerySummary(name))
	}
	if text := t.shown.textOf(t.operations, s); text != "" && len(text) <= b.text {
		b.text -= len(text)
		attrs = append(attrs, semconv.DBQueryText(text))
	}
	if rows >= 0 {
		attrs = append(attrs, semconv.DBResponseReturnedRows(int(rows)))
	}
	spans.AddEvent(n.span, "query", f, attrs...)
}

// copyFrom begins the span of a CopyFrom.
func (t *tracing) copyFrom(ctx context.Context, op *instruments.Operation, name instruments.Name, table pgx.Identifier) *note {
	wanted := t.wanted(ctx)
	if !wanted && (t.slow == never || !op.Capped) {
		return nil
	}
	n := newNote(op, name)
	if wanted {
		t.begin(ctx, n, op, spans.Details{Attributes: []attribute.KeyValue{
			semconv.DBOperationName("COPY"), semconv.DBCollectionName(instruments.Sanitize(strings.Join(table, "."))),
		}})
	}
	return n
}

// prepared makes the span of a Prepare that has ended. It cannot begin earlier: only its end shows whether the server was
// asked.
func (t *tracing) prepared(ctx context.Context, op *instruments.Operation, sql string, took time.Duration) *note {
	wanted := t.wanted(ctx)
	if !wanted && took < t.slow {
		return nil
	}
	var name instruments.Name
	if op.Capped {
		name = t.operations.PrepareName(ctx, sql)
	}
	n, s := newNote(op, name), instruments.Statement{SQL: sql}
	if t.shown.text != 0 {
		n.shown = func() []slog.Attr { return t.shown.logged(t.operations, s, nil) }
	}
	if wanted {
		d := spans.Details{SQL: sql, Ago: took}
		if t.shown.text != 0 {
			d.Attributes = t.shown.attributes(t.operations, s, nil)
		}
		t.begin(ctx, n, op, d)
	}
	return n
}
