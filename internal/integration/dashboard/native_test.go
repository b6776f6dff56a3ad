package dashboard_test

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/dashboard/live"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// TestHistogramQueriesReadNativeHistograms runs the queries of histograms on a service with only exponential ones, and
// with the rules for them.
func TestHistogramQueriesReadNativeHistograms(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	rules := stacktest.ReadShipped(t, "prometheus", "native.yml")
	server, err := live.StartPrometheus(ctx, t.TempDir(), rules,
		live.Target{Job: "shop", Instance: "shop-1", Address: withNativeHistograms(t)})
	testutil.NoError(t, err)
	defer func() { _ = server.Kill() }()
	awaitAnswers(ctx, t, server, slices.DeleteFunc(questions(t), func(q question) bool {
		return !strings.Contains(q.Expr, "_duration_seconds")
	}))
}

// withNativeHistograms runs a service that queries, fails and reconnects, and returns the address of its metrics.
func withNativeHistograms(t *testing.T) string {
	t.Helper()
	config := postgrestest.Config(t)
	tracer := sdktrace.NewTracerProvider().Tracer("native")
	work := func(ctx context.Context, pool *pgxpool.Pool) {
		ctx, span := tracer.Start(ctx, "traced")
		defer span.End()
		_, _ = pool.Exec(ctx, "SELECT pg_sleep(0.01)")
		_, _ = pool.Exec(ctx, "SELECT 1/0")
		pool.Reset()
	}
	return serve(t, "main", config, work, prometheus.WithAggregationSelector(func(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if kind == sdkmetric.InstrumentKindHistogram {
			return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 8}
		}
		return sdkmetric.DefaultAggregationSelector(kind)
	}))
}
