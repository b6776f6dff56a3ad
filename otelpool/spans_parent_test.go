package otelpool_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// seconds are those in the attributes of an acquire's span.
var seconds = regexp.MustCompile(`(pgxpool\.acquire\.\w+)=([0-9.e-]+)`)

// withoutSeconds replaces seconds by whether there were any.
func withoutSeconds(texts []string) []string {
	for i := range texts {
		texts[i] = seconds.ReplaceAllStringFunc(texts[i], func(s string) string {
			part := seconds.FindStringSubmatch(s)
			if part[2] == "0" {
				return part[0]
			}
			return part[1] + "=some"
		})
	}
	return texts
}

func expectSpans(t *testing.T, f traced, want ...string) {
	t.Helper()
	if got := withoutSeconds(f.texts(t)); !slices.Equal(got, want) {
		t.Errorf("got\n%s\n\nwant\n%s", strings.Join(got, "\n\n"), strings.Join(want, "\n\n"))
	}
}

const acquireSpan = "pool.acquire, internal, no summary\n"

func TestAcquireSpanHasPhasesAndLinkToHolder(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) { // in which an acquire that does not wait takes no time
		f := setupTraced(t, 1, nil, otelpool.WithAcquireSpans(time.Millisecond))
		warm(t, f.fixture, 1)

		holding, span := trace.SpanFromContext(f.root).TracerProvider().Tracer("test").Start(t.Context(), "holder")
		holder := acquireWith(t, f.pool, holding)
		expectSpans(t, f) // it waited for nothing
		ended := acquireAside(f.pool, f.root)
		time.Sleep(2 * time.Millisecond)
		holder.Release()
		span.End()
		checkEqual(t, "error of the waiter", <-ended, nil)
		expectSpans(t, f, acquireSpan+
			"pgxpool.acquire.connect=0\npgxpool.acquire.ping=0\npgxpool.acquire.prepare=0\npgxpool.acquire.queue=some\nlink to holder: pgxpool.link=holder")

		// The next waits for nothing, and so not for that holder.
		acquireWith(t, f.pool, f.root).Release()
		if n := len(f.texts(t)); n != 1 {
			t.Errorf("there are %d spans, one of an acquire that did not wait", n)
		}
	})
}

func TestAcquireSpanOfDialAndOfTimeout(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(2 * time.Millisecond); return true, nil }
	}, otelpool.WithAcquireSpans(time.Microsecond))
	c := acquireWith(t, f.pool, f.root)
	timeOut(t, f.pool, f.root, 5*time.Millisecond)
	c.Release()
	expectSpans(t, f,
		"connect, no summary",
		acquireSpan+"pgxpool.acquire.connect=some\npgxpool.acquire.ping=some\npgxpool.acquire.prepare=some\npgxpool.acquire.queue=some",
		acquireSpan+"error timeout\npgxpool.acquire.connect=0\npgxpool.acquire.ping=0\npgxpool.acquire.prepare=0\npgxpool.acquire.queue=some")
}

func TestConnectSpanHasError(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		change func(*pgxpool.Config)
		want   string
	}{
		{func(c *pgxpool.Config) { c.ConnConfig.User = "nobody" }, "connect, no summary\nerror 28P01"},
		{func(c *pgxpool.Config) { c.ConnConfig.Host, c.ConnConfig.Port = "127.0.0.1", 1 }, "connect, no summary\nerror refused"},
	} {
		f := setupTraced(t, 1, tt.change)
		if err := f.pool.Ping(f.root); err == nil {
			t.Error("there is a connection")
		}
		expectSpans(t, f, tt.want)
	}
}

func TestSpansBeginOnlyBelowRecordingParent(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil)
	unsampled := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample()))
	remote := func(flags trace.TraceFlags) context.Context {
		return trace.ContextWithRemoteSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: flags,
		}))
	}
	dropped, _ := unsampled.Tracer("test").Start(t.Context(), "dropped")
	for name, ctx := range map[string]context.Context{"no parent": t.Context(), "dropped": dropped, "remote, not sampled": remote(0)} {
		f.exec(t, ctx, "SELECT 1")
		if got := f.texts(t); len(got) > 0 {
			t.Fatalf("%s: %q", name, got)
		}
	}
	f.exec(t, remote(trace.FlagsSampled), "SELECT 1")
	expectSpans(t, f, "SELECT, in \nrows 1")
}

// TestSpansKeepTheirParents nests queries, in spans of the program, on one connection.
func TestSpansKeepTheirParents(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil)
	tracer := trace.SpanFromContext(f.root).TracerProvider().Tracer("test")
	c := acquire(t, f.pool)
	defer c.Release()
	ctx, want := f.root, []string(nil)
	for depth := range 5 {
		name := fmt.Sprint("step", depth)
		var span trace.Span
		ctx, span = tracer.Start(ctx, name)
		defer span.End()
		tx := begin(t, c, ctx)
		execute(t, tx, otelpool.WithOperation(ctx, "work"), "SELECT 1")
		testutil.NoError(t, tx.Commit(ctx))
		want = append(want, "BEGIN, in "+name, "work, in "+name+"\nrows 1", "COMMIT, in "+name)
	}
	expectSpans(t, f, want...)
}

// prepareSpans is a tracer of the program that makes a span of each Prepare.
type prepareSpans struct {
	noQueries
	trace.Tracer
}

func (p *prepareSpans) TracePrepareStart(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareStartData) context.Context {
	ctx, _ = p.Start(ctx, "theirs")
	return ctx
}

func (*prepareSpans) TracePrepareEnd(ctx context.Context, _ *pgx.Conn, _ pgx.TracePrepareEndData) {
	trace.SpanFromContext(ctx).End()
}

func TestPrepareSpanIsBesideOtherTracers(t *testing.T) {
	t.Parallel()
	other := new(prepareSpans)
	f := setupTraced(t, 1, func(c *pgxpool.Config) { c.ConnConfig.Tracer = other })
	other.Tracer = trace.SpanFromContext(f.root).TracerProvider().Tracer("test")
	conn := acquire(t, f.pool)
	defer conn.Release()
	prepare(t, conn, f.root, "one", "SELECT 1")
	expectSpans(t, f, "PREPARE SELECT")
}

func TestBatchOfManyQueriesHasBoundedSpan(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil)
	sendBatch(t, f.pool, f.root, slices.Repeat([]string{"SELECT 1"}, 10_000)...)
	batch := f.last()
	if batch.Name() != "BATCH SELECT" || len(batch.Events()) != 128 || batch.DroppedEvents() != 0 {
		t.Errorf("%s has %d events and has dropped %d", batch.Name(), len(batch.Events()), batch.DroppedEvents())
	}
	if batch.Parent().SpanID() != trace.SpanContextFromContext(f.root).SpanID() {
		t.Error("the batch is not below the request")
	}
}

func TestSpanEndsOnHijackedConnection(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil)
	pc := hijack(t, acquire(t, f.pool))
	rows := openRows(t, pc, f.root, "SELECT 1 FROM generate_series(1, 3)")
	testutil.NoError(t, pc.Close(t.Context()))
	rows.Close()
	expectSpans(t, f, "SELECT generate_series\nerror connection")
}

func TestUnregisterEndsSpansForGood(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, nil)
	rows := openRows(t, f.pool, f.root, "SELECT 1 FROM generate_series(1, 3)")
	unregister(t, f.inst)
	rows.Close()
	f.exec(t, f.root, "SELECT 1")
	expectSpans(t, f, "connect, no summary",
		"SELECT generate_series\nrows 3")
}

// TestSpansAreFreeBelowUnsampledParent compares allocations with those of a pool without spans.
func TestSpansAreFreeBelowUnsampledParent(t *testing.T) {
	dropped, _ := sdktrace.NewTracerProvider(sdktrace.WithSampler(sdktrace.NeverSample())).Tracer("test").Start(t.Context(), "dropped")
	allocs := func(opts ...otelpool.Option) float64 {
		f := setupTraced(t, 1, nil, opts...)
		if len(opts) == 0 {
			f = traced{fixture: setup(t, 1, nil)}
		}
		tracer := f.pool.Config().ConnConfig.Tracer
		c := acquire(t, f.pool)
		defer c.Release()
		return testing.AllocsPerRun(1000, func() {
			ctx := tracer.TraceQueryStart(dropped, c.Conn(), pgx.TraceQueryStartData{SQL: "SELECT 1"})
			tracer.TraceQueryEnd(ctx, c.Conn(), pgx.TraceQueryEndData{})
		})
	}
	without, with := allocs(), allocs(otelpool.WithAcquireSpans(time.Millisecond))
	if with > without {
		t.Errorf("%v allocations with spans, %v without", with, without)
	}
}

func TestExemplarsLeadToSpans(t *testing.T) {
	t.Parallel()
	f := setupTraced(t, 1, func(c *pgxpool.Config) {
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { wait(2 * time.Millisecond); return true, nil }
	}, otelpool.WithAcquireSpans(time.Millisecond))
	f.exec(t, f.root, "SELECT 1")
	f.end()
	names := map[string]string{}
	for _, s := range f.spans.Ended() {
		names[s.SpanContext().SpanID().String()] = s.Name()
	}
	got := map[string]string{}
	for _, m := range f.read(t) {
		if h, ok := m.Data.(metricdata.Histogram[float64]); ok {
			for _, p := range h.DataPoints {
				for _, e := range p.Exemplars {
					got[m.Name] += names[trace.SpanID(e.SpanID).String()]
				}
			}
		}
	}
	want := map[string]string{
		"db.client.operation.duration":     "SELECT",
		"db.client.connection.create_time": "connect",
		"db.client.connection.wait_time":   "pool.acquire",
		"db.client.connection.use_time":    "request",
	}
	if !maps.Equal(got, want) {
		t.Errorf("exemplars lead to %v, want %v", got, want)
	}
}
