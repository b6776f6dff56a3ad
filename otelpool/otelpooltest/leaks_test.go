package otelpooltest_test

import (
	"fmt"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/otelpooltest"
)

// nextLine returns the file and line after its caller's, as AssertNoLeaks prints them.
func nextLine() string {
	_, file, at, _ := runtime.Caller(1)
	return fmt.Sprintf("%s:%d", filepath.Base(file), at+1)
}

func acquire(t testing.TB, pool *pgxpool.Pool) *pgxpool.Conn {
	t.Helper()
	conn, err := pool.Acquire(t.Context())
	testutil.NoError(t, err)
	return conn
}

func TestLeakReportListsAcquireLine(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	pool, inst := newPool(t, rec.Option(), otelpool.WithLongHold(time.Minute))
	traceID := trace.TraceID{0xab}
	ctx := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{TraceID: traceID, SpanID: trace.SpanID{1}}))
	ctx = otelpool.WithScope(ctx, "")

	began := time.Now()
	idleLine := nextLine()
	idle, err := pool.Acquire(otelpool.WithOperation(ctx, "read_user"))
	testutil.NoError(t, err)
	defer idle.Release()
	postgrestest.Exec(t, idle, "SELECT * FROM pg_user")
	runningLine := nextLine()
	rows, err := pool.Query(ctx, "SELECT * FROM pg_class")
	testutil.NoError(t, err)
	defer rows.Close()
	unused := acquire(t, pool)
	defer unused.Release()

	fake := &spy{TB: t}
	if otelpooltest.AssertNoLeaks(fake, inst) {
		t.Error("AssertNoLeaks reports no leaks")
	}
	passed := time.Since(began)
	failure := fake.only(t)
	entries := strings.Split(failure, "\n1. ")[1]
	first, entries, _ := strings.Cut(entries, "\n2. ")
	second, third, _ := strings.Cut(entries, "\n3. ")
	mustContain(t, failure, "connections acquired and not released: 3")
	age, _, _ := strings.Cut(strings.TrimPrefix(first, "held for "), " ")
	if got, err := time.ParseDuration(age); err != nil || got < 2*time.Second || got > passed+time.Millisecond { // it is rounded
		t.Errorf("held for %q, of %v", age, passed)
	}
	mustContain(t, first, "held for ", `by operation "read_user", idle after "SELECT pg_user", trace `+traceID.String(),
		"otelpooltest_test.TestLeakReportListsAcquireLine", idleLine)
	mustContain(t, second, `, with the rows or the batch of "SELECT pg_class" not closed, acquired while its goroutine held another`, runningLine)
	mustContain(t, third, ", without a query\n   github.com/otelpool/otelpool-go/otelpool/otelpooltest_test.acquire\n")
	for _, absent := range []string{"WithLongHold", "runtime.goexit", "testing.tRunner", "pgxpool.(*Pool)"} {
		if strings.Contains(failure, absent) {
			t.Errorf("%q is in:\n%s", absent, failure)
		}
	}
}

func TestLeakReportExplainsMissingStack(t *testing.T) {
	t.Parallel()
	rec, _ := recorded(t)
	pool, inst := newPool(t, rec.Option())
	conn := acquire(t, pool)
	fake := &spy{TB: t}
	if otelpooltest.AssertNoLeaks(fake, inst) {
		t.Error("AssertNoLeaks reports no leaks")
	}
	mustContain(t, fake.only(t), "connections acquired and not released: 1\n1. held for ", "otelpool.WithLongHold(")
	conn.Release()
	if !otelpooltest.AssertNoLeaks(fake, inst) || len(fake.failures) > 0 {
		t.Errorf("after the release: %q", fake.failures)
	}
}

func TestNilInstrumentationFailsTest(t *testing.T) {
	t.Parallel()
	fake := &spy{TB: t}
	if otelpooltest.AssertNoLeaks(fake, nil) {
		t.Error("AssertNoLeaks reports no leaks")
	}
	mustContain(t, fake.only(t), "Instrumentation is nil")
}

func TestLeakInBubbleIsReported(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		rec, _ := recorded(t)
		pool, inst, err := otelpool.New(t.Context(), postgrestest.Shared(t), rec.Option())
		testutil.NoError(t, err)
		defer pool.Close()
		conn := acquire(t, pool)
		defer conn.Release()
		fake := &spy{TB: t}
		if otelpooltest.AssertNoLeaks(fake, inst) {
			t.Error("AssertNoLeaks reports no leaks")
		}
		mustContain(t, fake.only(t), "not released: 1\n1. held for 2s")
	})
}
