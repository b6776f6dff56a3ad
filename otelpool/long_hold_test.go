package otelpool_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"
	"go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestLongHoldIsLoggedDuringAndAfter holds a connection in a bubble, whose clock begins in the year 2000.
func TestLongHoldIsLoggedDuringAndAfter(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const message = "connection held for long"
		var log logBuffer
		f := setup(t, 1, nil, otelpool.WithLongHold(time.Minute), log.option())
		ctx, _ := spanned(t.Context(), 1)
		traceID := trace.SpanContextFromContext(ctx).TraceID()
		began, here := time.Now(), line(1)
		conn, err := f.pool.Acquire(otelpool.WithOperation(ctx, "leaky"))
		testutil.NoError(t, err)
		execute(t, conn, t.Context(), "SELECT * FROM pg_class")
		time.Sleep(2 * time.Minute) // of the bubble
		synctest.Wait()

		entry := log.await(t, message, 1)[0]
		for key, want := range map[string]any{
			"level": "WARN", "pool": "test", "operation": "leaky", "query": "SELECT pg_class", "query_running": false,
			"trace_id": traceID.String(),
		} {
			checkEqual(t, key, entry[key], want)
		}
		if age := time.Duration(entry["age"].(float64)); age < time.Minute {
			t.Errorf("logged at the age of %v", age)
		}
		if stack := entry["stack"].(string); !strings.HasPrefix(stack, "otelpool_test.TestLongHold") || !strings.Contains(stack, here) {
			t.Errorf("the stack does not begin with the test, at %s: %s", here, stack)
		}

		h := onlyHold(t, f.inst)
		checkEqual(t, "Operation", h.Operation, "leaky")
		checkEqual(t, "Query", h.Query, "SELECT pg_class")
		checkEqual(t, "Running", h.Running, false)
		checkEqual(t, "Nested", h.Nested, false)
		checkEqual(t, "TraceID", h.TraceID, traceID)
		checkEqual(t, "Age", h.Age, 2*time.Minute)
		checkEqual(t, "Since", h.Since.Equal(began), true)
		checkEqual(t, "first frame of Stack", fmt.Sprintf("%s:%d", filepath.Base(h.Stack[0].File), h.Stack[0].Line), here)

		m := f.collect(t)
		checkEqual(t, "oldest hold", m.seconds(t, "pgxpool.oldest_hold"), 120)
		m.check(t, map[string]int64{"pgxpool.peak": 1, "pgxpool.long_holds": 1})
		conn.Release()
		synctest.Wait()
		checkEqual(t, "operation", log.await(t, "connection released after a long hold", 1)[0]["operation"], any("leaky"))
		checkEqual(t, "entries", len(log.entries(t, message)), 1)
		m = f.collect(t)
		checkEqual(t, "long holds at the end", m.value(t, "pgxpool.long_holds"), 1)
		checkEqual(t, "seconds held", m.sum(useTime+"{db.query.summary=leaky}"), 120)
		checkEqual(t, "holds", len(f.inst.Held()), 0)
	})
}

// TestReportIsShort leaks a connection in a handler behind middleware, as services do.
func TestReportIsShort(t *testing.T) {
	t.Parallel()
	var text testutil.Buffer
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(noop.NewMeterProvider()),
		otelpool.WithPoolName("test"), otelpool.WithSlowAcquire(0), otelpool.WithLongHold(10*time.Millisecond), otelpool.WithLogger(slog.New(slog.NewTextHandler(&text, nil))))
	db := stdlib.OpenDBFromPool(pool)
	t.Cleanup(func() {
		_ = db.Close()
		postgrestest.ClosePool(t, pool)
		_ = inst.Unregister()
	})
	ctx, _ := spanned(t.Context(), 1)
	ctx = otelpool.WithOperation(ctx, "GET /orders/{id}/lines")
	here := line(2)
	var handler http.Handler = http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		rows, err := db.QueryContext(ctx, "SELECT * FROM pg_class")
		if err != nil {
			t.Error(err)
			return
		}
		testutil.Eventually(t, "it is logged", func() bool { return strings.Contains(text.String(), "held for long") })
		_ = rows.Close()
	})
	for range 3 {
		next := handler
		handler = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { next.ServeHTTP(w, r) })
	}
	server := httptest.NewServer(handler)
	defer server.Close()
	resp, err := http.Get(server.URL)
	testutil.NoError(t, err)
	_ = resp.Body.Close()
	for report := range strings.Lines(text.String()) {
		if len(report) > 600 || strings.Contains(report, "net/http") || strings.Contains(report, "runtime.") {
			t.Errorf("%d bytes: %s", len(report), report)
		}
		if !strings.Contains(report, `stack="otelpool_test.TestReportIsShort.func`) || !strings.Contains(report, here) {
			t.Errorf("the stack does not begin with the handler, %s: %s", here, report)
		}
	}
}

func TestWithoutStacksKeepsNoStack(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, otelpool.WithLongHold(10*time.Millisecond), otelpool.WithoutStacks(), log.option())
	defer acquire(t, f.pool).Release()
	entry := log.await(t, "connection held for long", 1)[0]
	if _, ok := entry["stack"]; ok {
		t.Errorf("a stack is logged: %v", entry)
	}
	if stack := onlyHold(t, f.inst).Stack; stack != nil {
		t.Errorf("stack %v", stack)
	}
}

// TestLongHoldIsLoggedWithoutMetrics has a no-op MeterProvider. Held returns the hold until its end, also after
// Unregister.
func TestLongHoldIsLoggedWithoutMetrics(t *testing.T) {
	t.Parallel()
	var log logBuffer
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(noop.NewMeterProvider()),
		otelpool.WithLongHold(10*time.Millisecond), log.option())
	conn := acquire(t, pool)
	log.await(t, "connection held for long", 1)
	unregister(t, inst)
	if held := inst.Held(); len(held) != 1 {
		t.Errorf("after Unregister, held %+v", held)
	}
	conn.Release()
	if held := inst.Held(); len(held) != 0 {
		t.Errorf("after the release, held %+v", held)
	}
	postgrestest.ClosePool(t, pool)
}

// TestLongHoldIsFoundBesideForeignConn leaks a connection while the program has another that it hijacked, or opened with
// the pool's configuration.
func TestLongHoldIsFoundBesideForeignConn(t *testing.T) {
	t.Parallel()
	for name, open := range map[string]func(f fixture) (*pgx.Conn, error){
		"hijacked": func(f fixture) (*pgx.Conn, error) {
			return acquire(t, f.pool).Hijack(), nil
		},
		"opened": func(f fixture) (*pgx.Conn, error) { return pgx.ConnectConfig(t.Context(), f.pool.Config().ConnConfig) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 4, nil, otelpool.WithLongHold(20*time.Millisecond), otelpool.WithLogger(slog.New(slog.DiscardHandler)))
			conn, err := open(f)
			testutil.NoError(t, err)
			defer func() { _ = conn.Close(context.Background()) }()
			execute(t, conn, t.Context(), "LISTEN x")
			f.collect(t) // finds out that the connection is not held
			defer acquire(t, f.pool).Release()
			testutil.Eventually(t, "the long hold is counted", func() bool { return f.collect(t).value(t, "pgxpool.long_holds") == 1 })
		})
	}
}

// TestStackIsWholeAfterLongHold acquires twice by one line, whose first hold is long.
func TestStackIsWholeAfterLongHold(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, otelpool.WithLongHold(50*time.Millisecond), log.option())
	for _, whole := range []bool{false, true} {
		var conn *pgxpool.Conn
		deep(8, func() { conn = acquire(t, f.pool) })
		var functions []string
		for _, frame := range onlyHold(t, f.inst).Stack {
			functions = append(functions, frame.Function[strings.LastIndexByte(frame.Function, '/')+1:])
		}
		got := strings.Join(functions, " ")
		if want := "otelpool_test.acquireWith otelpool_test.acquire otelpool_test.TestStackIsWhole"; !strings.HasPrefix(got, want) {
			t.Errorf("the stack does not begin with %s: %s", want, got)
		}
		if strings.HasSuffix(got, "otelpool_test.TestStackIsWholeAfterLongHold") != whole {
			t.Errorf("want the whole stack: %t, got %s", whole, got)
		}
		if !whole {
			log.await(t, "connection held for long", 1)
		}
		conn.Release()
	}
}

// TestStackSkipReachesHolds skips the package of this test, so that nothing is left and the stack is shown whole.
func TestStackSkipReachesHolds(t *testing.T) {
	t.Parallel()
	const own = "github.com/otelpool/otelpool-go/otelpool_test"
	for _, skip := range []string{"acme.com/other", own} {
		f := setup(t, 1, nil, otelpool.WithLongHold(time.Minute), otelpool.WithStackSkip(skip))
		conn := acquire(t, f.pool)
		first := onlyHold(t, f.inst).Stack[0].Function
		if strings.HasPrefix(first, own) == (skip == own) {
			t.Errorf("without %s the stack begins at %s", skip, first)
		}
		conn.Release()
	}
}
