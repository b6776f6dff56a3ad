package otelpool_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool"
)

// traced is a pool with spans, and what they are recorded by.
type traced struct {
	fixture
	spans *tracetest.SpanRecorder
	root  context.Context // has a span named "request"
	end   func()
}

// setupTraced returns a pool whose calls are traced below a span.
func setupTraced(t *testing.T, maxConns int32, change func(*pgxpool.Config), opts ...otelpool.Option) traced {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	opts = append([]otelpool.Option{otelpool.WithTracerProvider(provider)}, opts...)
	f := traced{fixture: setup(t, maxConns, change, opts...), spans: recorder}
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	f.root, f.end = ctx, func() { span.End() }
	return f
}

// last returns the span that has ended last.
func (f traced) last() sdktrace.ReadOnlySpan {
	ended := f.spans.Ended()
	return ended[len(ended)-1]
}

// texts describes the spans that have ended, in that order.
func (f traced) texts(t *testing.T) (texts []string) {
	t.Helper()
	names := map[string]string{}
	for _, s := range f.spans.Started() {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	for _, s := range f.spans.Ended() {
		if s.InstrumentationScope().Name == otelpool.ScopeName {
			texts = append(texts, f.describe(t, s, names))
		}
	}
	return texts
}

// describe describes a span as lines: the name, the error, the rows, then other attributes, events and links, each sorted.
// It leaves out what most spans have: the kind client, the parent "request", and the name as their summary. The attributes
// that all spans of a pool share are checked and left out.
func (f traced) describe(t *testing.T, s sdktrace.ReadOnlySpan, names map[string]string) string {
	t.Helper()
	cc := f.pool.Config().ConnConfig
	own := map[attribute.Key]string{}
	for _, kv := range s.Attributes() {
		checkKey(t, kv)
		own[kv.Key] = kv.Value.String()
	}
	shared := map[attribute.Key]string{
		"db.system.name": "postgresql", "db.client.connection.pool.name": "test",
		"server.address": cc.Host, "db.namespace": cc.Database,
	}
	if cc.Port != 5432 {
		shared["server.port"] = fmt.Sprint(cc.Port)
	}
	for key, want := range shared {
		if own[key] != want {
			t.Errorf("%s has %q as %s, want %q", s.Name(), own[key], key, want)
		}
		delete(own, key)
	}
	head := s.Name()
	if kind := s.SpanKind(); kind != trace.SpanKindClient {
		head += ", " + kind.String()
	}
	switch parent := names[s.Parent().SpanID().String()]; {
	case !s.Parent().IsValid():
		head += ", no parent"
	case parent != "request":
		head += ", in " + parent
	}
	switch summary, ok := own[semconv.DBQuerySummaryKey]; {
	case !ok:
		head += ", no summary"
	case summary == s.Name():
		delete(own, semconv.DBQuerySummaryKey)
	}
	lines := []string{head}
	if status := s.Status(); status.Code != 0 || status.Description != "" {
		errorType := own[semconv.ErrorTypeKey]
		wantState := ""
		if len(errorType) == 5 {
			wantState = errorType
		}
		if status.Code != codes.Error || status.Description != errorType || own[semconv.DBResponseStatusCodeKey] != wantState {
			t.Errorf("%s has the status %v and the attributes %v", s.Name(), status, own)
		}
		lines = append(lines, "error "+errorType)
		delete(own, semconv.ErrorTypeKey)
		delete(own, semconv.DBResponseStatusCodeKey)
	}
	if rows, ok := own[semconv.DBResponseReturnedRowsKey]; ok {
		lines = append(lines, "rows "+rows)
		delete(own, semconv.DBResponseReturnedRowsKey)
	}
	for _, key := range slices.Sorted(maps.Keys(own)) {
		lines = append(lines, fmt.Sprintf("%s=%s", key, own[key]))
	}
	for _, e := range s.Events() {
		lines = append(lines, fmt.Sprintf("event %s: %s", e.Name, attributeText(e.Attributes)))
	}
	for _, l := range s.Links() {
		lines = append(lines, fmt.Sprintf("link to %s: %s", names[l.SpanContext.SpanID().String()], attributeText(l.Attributes)))
	}
	return strings.Join(lines, "\n")
}

// spanKeys are the attributes of the semantic conventions v1.43.0 for spans of PostgreSQL, with their types, and of errors, and
// otelpool's own.
var spanKeys = map[attribute.Key]attribute.Type{
	semconv.DBSystemNameKey: attribute.STRING, semconv.DBNamespaceKey: attribute.STRING, semconv.DBResponseStatusCodeKey: attribute.STRING,
	semconv.ErrorTypeKey: attribute.STRING, semconv.ServerAddressKey: attribute.STRING, semconv.ServerPortKey: attribute.INT64,
	semconv.DBCollectionNameKey: attribute.STRING, semconv.DBOperationBatchSizeKey: attribute.INT64, semconv.DBOperationNameKey: attribute.STRING,
	semconv.DBQuerySummaryKey: attribute.STRING, semconv.DBQueryTextKey: attribute.STRING, semconv.DBResponseReturnedRowsKey: attribute.INT64,

	semconv.DBClientConnectionPoolNameKey: attribute.STRING, "pgxpool.link": attribute.STRING,
	"pgxpool.acquire.queue": attribute.FLOAT64, "pgxpool.acquire.connect": attribute.FLOAT64,
	"pgxpool.acquire.ping": attribute.FLOAT64, "pgxpool.acquire.prepare": attribute.FLOAT64,
}

// checkKey checks an attribute against spanKeys. The test's function adds "length".
func checkKey(t *testing.T, kv attribute.KeyValue) {
	t.Helper()
	want, ok := spanKeys[kv.Key]
	if strings.HasPrefix(string(kv.Key), "db.query.parameter.") {
		want, ok = attribute.STRING, true
	}
	if kv.Key != "length" && (!ok || kv.Value.Type() != want) {
		t.Errorf("%s is %v: the conventions have no such attribute", kv.Key, kv.Value.Type())
	}
}

func attributeText(attrs []attribute.KeyValue) string {
	var texts []string
	for _, kv := range attrs {
		texts = append(texts, fmt.Sprintf("%s=%s", kv.Key, kv.Value.String()))
	}
	slices.Sort(texts)
	return strings.Join(texts, ", ")
}

func TestSpansOfCalls(t *testing.T) {
	t.Parallel()
	for _, call := range calls {
		t.Run(call.name, func(t *testing.T) {
			t.Parallel()
			f := setupTraced(t, 1, withTable, call.opts...)
			conn := acquire(t, f.pool)
			call.do(f.root, conn)
			conn.Release()
			var want []string
			for _, span := range call.spans {
				want = append(want, strings.Replace(span, neverEnded, "error connection", 1))
			}
			expectSpans(t, f, want...)
			f.end()
			if started, ended := len(f.spans.Started()), len(f.spans.Ended()); started != ended {
				t.Errorf("%d of %d spans have no end", started-ended, started)
			}
		})
	}
}

// TestSpanNamesAreValidForExport has a name that is too long, and not UTF-8, which exporters refuse with all spans beside it.
func TestSpanNamesAreValidForExport(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil, otelpool.WithOperationLimit(1))
	f.exec(t, otelpool.WithOperation(f.root, "first"), "SELECT 1")
	ctx := otelpool.WithOperation(f.root, "\xff"+strings.Repeat("x", 1000))
	f.exec(t, ctx, "SELECT 1")
	sendBatch(t, f.pool, ctx, "SELECT 1", "SELECT 2")
	check := func(text string) {
		t.Helper()
		if len(text) > 255 || !utf8.ValidString(text) {
			t.Errorf("%.20q has %d bytes", text, len(text))
		}
	}
	for _, s := range f.spans.Ended() {
		check(s.Name())
		attrs := s.Attributes()
		for _, e := range s.Events() {
			attrs = append(attrs, e.Attributes...)
		}
		for _, kv := range attrs {
			check(kv.Value.String())
		}
	}
}
