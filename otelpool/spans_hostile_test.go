package otelpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestParametersAreReadBeforeQuery changes the arguments of a query while its rows are open.
func TestParametersAreReadBeforeQuery(t *testing.T) {
	t.Parallel()
	var log logBuffer
	called := 0
	f := setupTraced(t, 1, nil, log.option(), otelpool.WithSlowQuery(time.Millisecond),
		otelpool.WithQueryParameters(func(_, _ string, value any) (string, bool) { called++; return fmt.Sprint(value), true }))
	named := pgx.NamedArgs{"a": "before"}
	rows := openRows(t, f.pool, f.root, "SELECT @a::text, pg_sleep(0.01)", named)
	named["a"] = "after"
	rows.Close()
	line := log.await(t, "slow query", 1)[0]
	if got := fmt.Sprint(line["parameters"]); got != "map[a:before]" || called != 1 {
		t.Errorf("the line has %s, and the filter was called %d times", got, called)
	}
}

func TestParameterKeysAreValidForExport(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil, otelpool.WithQueryParameters(func(_, _ string, value any) (string, bool) { return "v\xff", true }))
	_, _ = f.pool.Exec(f.root, "SELECT 1", pgx.NamedArgs{"b\xff" + strings.Repeat("k", 1000): 1})
	for _, kv := range f.last().Attributes() {
		if text := string(kv.Key) + kv.Value.String(); strings.Contains(text, "\xff") || len(text) > 300 {
			t.Errorf("an attribute is %.50q, of %d bytes", text, len(text))
		}
	}
}

// TestBatchEventsEndWithFirstFailure runs a batch in a mode in which pgx reports one error for all queries after the first
// that failed.
func TestBatchEventsEndWithFirstFailure(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, func(c *pgxpool.Config) { c.ConnConfig.DefaultQueryExecMode = pgx.QueryExecModeExec })
	b := new(pgx.Batch)
	for i := range 1000 {
		b.Queue("SELECT 1 / $1::int", i-19)
	}
	results := f.pool.SendBatch(f.root, b)
	for range 1000 {
		_, _ = results.Exec()
	}
	_ = results.Close()
	events := f.last().Events()
	failed := slices.IndexFunc(events, func(e sdktrace.Event) bool {
		return slices.ContainsFunc(e.Attributes, func(kv attribute.KeyValue) bool { return kv.Key == "error.type" })
	})
	if len(events) == 0 || failed != len(events)-1 || f.last().DroppedEvents() > 0 {
		t.Errorf("%d events, of which number %d is the first that failed", len(events), failed)
	}
}

func TestBatchSpanHasBoundedText(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil, otelpool.WithQueryText(otelpool.QueryTextRaw))
	b := new(pgx.Batch)
	for i := range 200 {
		b.Queue(fmt.Sprintf("SELECT %d, '%s'", i, strings.Repeat("x", 7000)))
	}
	testutil.NoError(t, f.pool.SendBatch(f.root, b).Close())
	size := 0
	for _, e := range f.last().Events() {
		for _, kv := range e.Attributes {
			size += len(kv.Value.String())
		}
	}
	if size > 20<<10 {
		t.Errorf("the events of a batch have %d bytes", size)
	}
}

// TestDroppedSpanLeavesItsParent has a sampler that drops otelpool's spans and not their parents.
func TestDroppedSpanLeavesItsParent(t *testing.T) {
	t.Parallel()
	var log logBuffer
	provider := sdktrace.NewTracerProvider(sdktrace.WithSampler(onlyRequests{}))
	f := setup(t, 1, nil, otelpool.WithTracerProvider(provider), otelpool.WithSlowQuery(time.Millisecond), log.option())
	ctx, span := provider.Tracer("test").Start(t.Context(), "request")
	defer span.End()
	f.exec(t, ctx, "SELECT pg_sleep(0.01)")
	if got := log.await(t, "slow query", 1)[0]["span_id"]; got != span.SpanContext().SpanID().String() {
		t.Errorf("the line has the span %v, want the request's, %v", got, span.SpanContext().SpanID())
	}
}

type onlyRequests struct{}

func (onlyRequests) ShouldSample(p sdktrace.SamplingParameters) sdktrace.SamplingResult {
	if p.Name == "request" {
		return sdktrace.SamplingResult{Decision: sdktrace.RecordAndSample}
	}
	return sdktrace.SamplingResult{Decision: sdktrace.Drop}
}

func (onlyRequests) Description() string { return "requests alone" }

func TestSlowPrepareIsLoggedWithItsSpan(t *testing.T) {
	t.Parallel()
	var log logBuffer
	connString := ownDatabase(t)
	f := setupTraced(t, 1, func(c *pgxpool.Config) { c.ConnConfig.Database = parse(t, connString).ConnConfig.Database },
		otelpool.WithSlowQuery(time.Millisecond), otelpool.WithQueryText(otelpool.QueryTextSanitized), log.option())
	c := acquire(t, f.pool)
	defer c.Release()
	// A lock makes it slow: PostgreSQL takes one on the table to prepare.
	other, err := pgx.Connect(t.Context(), connString)
	testutil.NoError(t, err)
	defer other.Close(context.Background())
	for _, sql := range []string{"CREATE TABLE locked (n int)", "BEGIN", "LOCK TABLE locked"} {
		execute(t, other, t.Context(), sql)
	}
	unlocked := make(chan struct{})
	time.AfterFunc(20*time.Millisecond, func() {
		defer close(unlocked)
		_, _ = other.Exec(context.Background(), "ROLLBACK")
	})
	prepare(t, c, f.root, "ps", "SELECT n FROM locked WHERE n = 7")
	<-unlocked
	span := f.last()
	line := log.await(t, "slow query", 1)[0]
	if line["operation"] != "PREPARE SELECT locked" || line["sql"] != "SELECT n FROM locked WHERE n = ?" || line["span_id"] != span.SpanContext().SpanID().String() {
		t.Errorf("the line is %v, the span %s", line, span.SpanContext().SpanID())
	}
}

func TestCappedCallsHaveTheirNames(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setupTraced(t, 1, nil, otelpool.WithOperationLimit(1), otelpool.WithSlowQuery(time.Millisecond), log.option())
	f.exec(t, otelpool.WithOperation(f.root, "first"), "CREATE TEMP TABLE n (n int)")
	ctx := otelpool.WithOperation(f.root, "beyond")
	f.exec(t, ctx, "SELECT pg_sleep(0.01)")
	sendBatch(t, f.pool, ctx, "SELECT 1", "SELECT 2")
	if _, err := f.pool.CopyFrom(ctx, pgx.Identifier{"n"}, []string{"n"}, pgx.CopyFromRows(nil)); err != nil {
		t.Fatal(err)
	}
	sendBatch(t, f.pool, f.root, "-- name: GetN :batchone\nSELECT 1")
	names := map[string]int{}
	for _, s := range f.spans.Ended() {
		names[s.Name()]++
	}
	if names["beyond"] != 3 || names["BATCH GetN"] != 1 {
		t.Errorf("the spans are %v", names)
	}
	testutil.Eventually(t, "the query is logged", func() bool {
		return slices.ContainsFunc(log.entries(t, "slow query"), func(e map[string]any) bool { return e["operation"] == "beyond" })
	})
}

// TestOpenRowsOfHookLeaveNoSpanOpen has a PrepareConn that queries, leaves the rows open, and refuses the connection.
func TestOpenRowsOfHookLeaveNoSpanOpen(t *testing.T) {
	t.Parallel()
	refuse := true
	f := setupTraced(t, 1, func(c *pgxpool.Config) {
		c.PrepareConn = func(ctx context.Context, pc *pgx.Conn) (bool, error) {
			if refuse {
				refuse = false
				_, err := pc.Query(ctx, "SELECT generate_series(1, 3)")
				return false, err
			}
			return true, nil
		}
	})
	acquireWith(t, f.pool, f.root).Release()
	f.end()
	testutil.Eventually(t, "all spans have ended", func() bool { return len(f.spans.Started()) == len(f.spans.Ended()) })
}

func TestDialUsingOtherPoolHasOwnSpan(t *testing.T) {
	t.Parallel()
	other := setupTraced(t, 1, nil)
	f := setupTraced(t, 1, func(c *pgxpool.Config) {
		dial := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			if _, err := other.pool.Exec(ctx, "SELECT 1"); err != nil {
				return nil, err
			}
			return dial(ctx, network, address)
		}
	})
	testutil.NoError(t, f.pool.Ping(f.root))
	expectSpans(t, f, "connect, no summary")
}

func TestSpanStartGetsContext(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithTracerProvider(sdktrace.NewTracerProvider()), otelpool.WithRootSpans(),
		otelpool.WithSpanStart(func(ctx context.Context, _ *otelpool.SpanStart) {
			if ctx == nil {
				t.Error("the context is nil")
			}
		}))
	tracer := f.pool.Config().ConnConfig.Tracer
	c := acquire(t, f.pool)
	defer c.Release()
	//lint:ignore SA1012 parts of pgx accept it
	ctx := tracer.TraceQueryStart(nil, c.Conn(), pgx.TraceQueryStartData{SQL: "SELECT 1"})
	tracer.TraceQueryEnd(ctx, c.Conn(), pgx.TraceQueryEndData{})
}

// illProvider is a TracerProvider whose tracers panic, or whose spans panic in what the SDK's never do.
type illProvider struct {
	trace.TracerProvider
	start func(context.Context, trace.Span) (context.Context, trace.Span)
}

func (i illProvider) Tracer(name string, opts ...trace.TracerOption) trace.Tracer {
	return illTracer{i.TracerProvider.Tracer(name, opts...), i}
}

type illTracer struct {
	trace.Tracer
	of illProvider
}

func (i illTracer) Start(ctx context.Context, name string, opts ...trace.SpanStartOption) (context.Context, trace.Span) {
	return i.of.start(i.Tracer.Start(ctx, name, opts...))
}

type illSpan struct{ trace.Span }

func (illSpan) SetAttributes(...attribute.KeyValue)   { panic("in SetAttributes") }
func (illSpan) AddEvent(string, ...trace.EventOption) { panic("in AddEvent") }
func (illSpan) End(...trace.SpanEndOption)            { panic("in End") }

func TestPanicOfTracingLosesOnlySpans(t *testing.T) {
	t.Parallel()
	for name, start := range map[string]func(context.Context, trace.Span) (context.Context, trace.Span){
		"tracer": func(context.Context, trace.Span) (context.Context, trace.Span) { panic("in the tracer") },
		"span":   func(ctx context.Context, span trace.Span) (context.Context, trace.Span) { return ctx, illSpan{span} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, nil, otelpool.WithTracerProvider(illProvider{sdktrace.NewTracerProvider(), start}), otelpool.WithRootSpans(),
				otelpool.WithAcquireSpans(time.Nanosecond), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
			f.exec(t, t.Context(), "SELECT $1::int / 1", 1)
			sendBatch(t, f.pool, t.Context())
			sendBatch(t, f.pool, t.Context(), "SELECT 1")
			sendBatch(t, f.pool, t.Context(), "SELECT 1", "SELECT 1")
			checkEqual(t, "AcquiredConns", f.pool.Stat().AcquiredConns(), 0)
		})
	}
}

func TestSlowQueriesAreLoggedTenASecond(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, otelpool.WithSlowQuery(time.Millisecond), log.option())
	for range 60 {
		f.exec(t, t.Context(), "SELECT pg_sleep(0.002)")
	}
	testutil.Eventually(t, "lines were left out", func() bool {
		f.exec(t, t.Context(), "SELECT pg_sleep(0.002)")
		return slices.ContainsFunc(log.entries(t, "slow query"), func(e map[string]any) bool { return e["not_logged_before"] != nil })
	})
}
