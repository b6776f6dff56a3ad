package otelpgx_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool"
)

// theirs is the instrumentation scope of otelpgx, ours that of otelpool.
const (
	theirs = "github.com/exaring/otelpgx"
	ours   = otelpool.ScopeName
)

type telemetry struct {
	reader sdkmetric.Reader
	spans  *tracetest.InMemoryExporter
}

// recorded belongs to the present global providers.
var recorded telemetry

func record() telemetry {
	recorded = telemetry{sdkmetric.NewManualReader(), tracetest.NewInMemoryExporter()}
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(recorded.reader)))
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSyncer(recorded.spans)))
	return recorded
}

// metrics returns the names of the metrics with data, by scope.
func (r telemetry) metrics() (map[string][]string, error) {
	var data metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &data); err != nil {
		return nil, err
	}
	names := make(map[string][]string)
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			names[scope.Scope.Name] = append(names[scope.Scope.Name], m.Name)
		}
	}
	return names, nil
}

// spanLines returns the spans except those of a scope, in the order of their ends, one per line, without identifiers
// and times.
func (r telemetry) spanLines(without string) []string {
	stubs := r.spans.GetSpans()
	names := make(map[trace.SpanID]string)
	for _, s := range stubs {
		names[s.SpanContext.SpanID()] = s.Name
	}
	var lines []string
	for _, s := range stubs {
		if s.InstrumentationScope.Name == without {
			continue
		}
		line := fmt.Sprintf("%s: %s, %s, in %q, %s, %s %q", s.InstrumentationScope.Name, s.Name, s.SpanKind,
			names[s.Parent.SpanID()], text(s.Attributes), s.Status.Code, s.Status.Description)
		for _, e := range s.Events {
			line += fmt.Sprintf(", event %s %s", e.Name, text(e.Attributes))
		}
		lines = append(lines, fmt.Sprint(line, ", links: ", len(s.Links)))
	}
	return lines
}

func text(attributes []attribute.KeyValue) string {
	set := attribute.NewSet(attributes...)
	return set.Encoded(attribute.DefaultEncoder())
}

// drive makes calls of all kinds in one span, and closes the pool.
func drive(t *testing.T, pool *pgxpool.Pool) {
	t.Helper()
	ctx, parent := otel.Tracer("service").Start(t.Context(), "GET /orders")
	exec := func(sql string, args ...any) { _, _ = pool.Exec(ctx, sql, args...) }
	exec("CREATE TEMPORARY TABLE driven (id int)")
	exec("SELECT $1::int", 1)
	exec("SELECT nonsense")
	_ = pgx.BeginFunc(ctx, pool, func(tx pgx.Tx) error { _, err := tx.Exec(ctx, "SELECT 2"); return err })
	for _, sql := range []string{"INSERT INTO driven VALUES (1)", "SELECT nonsense"} {
		b := new(pgx.Batch)
		b.Queue("SELECT 1")
		b.Queue(sql)
		_ = pool.SendBatch(ctx, b).Close()
	}
	_, _ = pool.CopyFrom(ctx, pgx.Identifier{"driven"}, []string{"id"}, pgx.CopyFromRows([][]any{{1}}))
	_ = pool.AcquireFunc(ctx, func(conn *pgxpool.Conn) error {
		_, err := conn.Conn().Prepare(ctx, "named", "SELECT 3")
		return err
	})
	canceled, cancel := context.WithCancel(ctx)
	cancel()
	_, _ = pool.Acquire(canceled)
	pool.Close()
	parent.End()
}

func lines(all []string) string { return strings.Join(all, "\n") }

func words(set map[string]bool) string { return strings.Join(slices.Sorted(maps.Keys(set)), " ") }
