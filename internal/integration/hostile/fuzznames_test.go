package hostile

import (
	"context"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// nasty is the seed of the fuzz tests: text that breaks careless formats. Another test covers a megabyte of it,
// because that is slow to fuzz.
var nasty = []string{
	"", " ", "get_user", "a\nb", "a\r\nb", `a"b`, `a\b`, `\`, `\n`, "\"} 1\n# EOF\n", "\xff", "a\xc3", "\x00", "\u2028", "\ufeff", "\u202e",
	"größe", "🐘", "_OTHER", "# HELP x y", "{pool=\"x\"}", "{}", ",", "=", "\x7f", "\x1b[31m", "; DROP TABLE x", "%s%d%!", "$(x)", "{{.}}",
	strings.Repeat("x", 254) + "é", strings.Repeat("é", 300), strings.Repeat("\xff", 1000),
	strings.Repeat("\n", 300), "select 1", "-- name: GetUser :one\nselect 1", "/* name: a\"b */ select 1", "-- name: \xff :one",
}

// want returns the expected form of a name: valid UTF-8 of at most 255 bytes.
func want(name string) string {
	name = strings.ToValidUTF8(name, string(utf8.RuneError))
	for len(name) > 255 {
		_, size := utf8.DecodeLastRuneInString(name)
		name = name[:len(name)-size]
	}
	return name
}

// offlinePool returns an instrumented pool that is never used.
func offlinePool(t testing.TB, provider *sdkmetric.MeterProvider, opts ...otelpool.Option) (*pgxpool.Pool, func()) {
	t.Helper()
	pool, inst, err := otelpool.NewWithConfig(context.Background(), offline(t), append(opts, otelpool.WithMeterProvider(provider))...)
	testutil.NoError(t, err)
	return pool, func() {
		pool.Close()
		testutil.Check(t, inst.Unregister())
	}
}

// tracerOf returns the tracer of an instrumented pool. It copies the pool's configuration, so call it once.
func tracerOf(pool *pgxpool.Pool) pgx.QueryTracer { return pool.Config().ConnConfig.Tracer }

// event calls the hooks that pgx calls for a query. The conn can be any connection: it only holds state.
func event(ctx context.Context, tracer pgx.QueryTracer, conn *pgx.Conn, sql string) {
	ctx = tracer.TraceQueryStart(ctx, conn, pgx.TraceQueryStartData{SQL: sql})
	tracer.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{})
}

func connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(context.Background(), onDatabase(t, 1).ConnConfig)
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// FuzzOperationName sets a name by WithOperation and by a function, and searches for it on the page.
func FuzzOperationName(f *testing.F) {
	for _, name := range nasty {
		f.Add(name, "a")
		f.Add("b", name)
	}
	conn := connect(f)
	f.Fuzz(func(t *testing.T, name, fromFunc string) {
		exporter := newExporter(t)
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
		pool, end := offlinePool(t, provider, otelpool.WithPoolName("named"),
			otelpool.WithOperationName(func(_ context.Context, sql string) string {
				if sql == "by function" {
					return fromFunc
				}
				return ""
			}))
		defer end()
		event(otelpool.WithOperation(context.Background(), name), tracerOf(pool), conn, "SELECT 1 FROM t")
		event(context.Background(), tracerOf(pool), conn, "by function")
		first, second := want(name), want(fromFunc)
		if name == "" {
			first = "SELECT t"
		}
		if fromFunc == "" {
			second = "_OTHER"
		}
		expected := map[string]float64{}
		expected[first]++
		expected[second]++
		page := scrapeAll(t, exporter)
		for _, s := range page.of("db_query_duration_seconds_count") {
			operation := s.labels.Get("operation")
			if expected[operation] != s.value || s.labels.Get("pool") != "named" {
				t.Errorf("%s has %v, want %v", s.labels, s.value, expected[operation])
			}
			delete(expected, operation)
		}
		delete(expected, "")
		if len(expected) > 0 {
			t.Errorf("not on the page: %v", expected)
		}
	})
}

// FuzzPoolName creates pools with equal or similar names.
func FuzzPoolName(f *testing.F) {
	for i, name := range nasty {
		f.Add(name, nasty[len(nasty)-1-i])
		f.Add(name, name)
		f.Add(name, name+" ")
	}
	f.Fuzz(func(t *testing.T, one, other string) {
		exporter := newExporter(t)
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
		names := map[string]bool{}
		pools := 0
		for _, name := range []string{one, other, one} {
			pool, inst, err := otelpool.NewWithConfig(context.Background(), offline(t), otelpool.WithMeterProvider(provider), otelpool.WithPoolName(name))
			if name == "" {
				testutil.ErrorContains(t, err, "pool name is empty")
				continue
			}
			testutil.NoError(t, err)
			defer pool.Close()
			defer inst.Unregister()
			names[want(name)] = true
			pools++
		}
		if pools == 0 {
			return
		}
		page := scrapeAll(t, exporter)
		testutil.Equal(t, "connections at most", page.sum("db_pool_max"), float64(pools)*float64(offline(t).MaxConns))
		for _, s := range page.of("db_pool_max") {
			if !names[s.labels.Get("pool")] {
				t.Errorf("pool %q has none of the names", s.labels.Get("pool"))
			}
			delete(names, s.labels.Get("pool"))
		}
		if len(names) > 0 {
			t.Errorf("not on the page: %v", names)
		}
	})
}
