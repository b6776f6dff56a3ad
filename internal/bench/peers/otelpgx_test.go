package peers

import (
	"context"
	"testing"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// TestOtelpgxTracesAreUnchanged checks that otelpgx creates the same spans with and without otelpool, and that
// otelpool's durations carry them as exemplars.
func TestOtelpgxTracesAreUnchanged(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		wrap func(pgx.QueryTracer) pgx.QueryTracer
	}{
		{"alone", func(tracer pgx.QueryTracer) pgx.QueryTracer { return tracer }},
		{"in a multitracer", func(tracer pgx.QueryTracer) pgx.QueryTracer { return multitracer.New(tracer) }},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			connString := postgrestest.Database(t)
			reader := sdkmetric.NewManualReader()
			provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
			bare := spans(t, connString, tt.wrap, pgxpool.NewWithConfig)
			ours := spans(t, connString, tt.wrap, func(ctx context.Context, config *pgxpool.Config) (*pgxpool.Pool, error) {
				pool, inst, err := otelpool.NewWithConfig(ctx, config, otelpool.WithMeterProvider(provider))
				if err == nil {
					t.Cleanup(func() { _ = inst.Unregister() })
				}
				return pool, err
			})
			if len(bare) == 0 || len(ours) != len(bare) {
				t.Fatalf("%d spans with us, %d without", len(ours), len(bare))
			}
			for i := range bare {
				if ours[i] != bare[i] {
					t.Errorf("span %d is %q with us, %q without", i, ours[i], bare[i])
				}
			}
			if got := exemplars(t, reader, "db.client.operation.duration"); got == 0 {
				t.Error("no exemplar links a duration to its span")
			}
		})
	}
}

// spans runs some calls in a sampled trace and returns the names of the spans in the order of their ends.
func spans(t *testing.T, connString string, wrap func(pgx.QueryTracer) pgx.QueryTracer, open func(context.Context, *pgxpool.Config) (*pgxpool.Pool, error)) []string {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	config, err := pgxpool.ParseConfig(connString)
	if err != nil {
		t.Fatal(err)
	}
	config.ConnConfig.Tracer = wrap(otelpgx.NewTracer(otelpgx.WithTracerProvider(provider)))
	pool, err := open(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	ctx, root := provider.Tracer("test").Start(t.Context(), "root")
	_, _ = pool.Exec(ctx, "SELECT $1::int", 1)
	_, _ = pool.Exec(ctx, "SELECT nonsense")
	batch := new(pgx.Batch)
	batch.Queue("SELECT 1")
	batch.Queue("SELECT 2")
	_ = pool.SendBatch(ctx, batch).Close()
	_ = pgx.BeginFunc(ctx, pool, func(pgx.Tx) error { return nil })
	_, _ = pool.CopyFrom(ctx, pgx.Identifier{"nowhere"}, []string{"id"}, pgx.CopyFromRows(nil))
	root.End()
	pool.Close()
	var names []string
	for _, span := range recorder.Ended() {
		names = append(names, span.Name()+" under "+parentName(recorder.Ended(), span))
	}
	return names
}

func parentName(all []sdktrace.ReadOnlySpan, child sdktrace.ReadOnlySpan) string {
	for _, span := range all {
		if span.SpanContext().SpanID() == child.Parent().SpanID() {
			return span.Name()
		}
	}
	return "none"
}

// exemplars counts the exemplars of a histogram that have a span.
func exemplars(t *testing.T, reader sdkmetric.Reader, name string) (n int) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := reader.(*sdkmetric.ManualReader).Collect(t.Context(), &rm); err != nil {
		t.Fatal(err)
	}
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			h, ok := m.Data.(metricdata.Histogram[float64])
			if !ok || m.Name != name || scope.Scope.Name != otelpool.ScopeName {
				continue
			}
			for _, p := range h.DataPoints {
				for _, e := range p.Exemplars {
					if len(e.SpanID) > 0 {
						n++
					}
				}
			}
		}
	}
	return n
}
