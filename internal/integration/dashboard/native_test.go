package dashboard_test

import (
	"context"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/integration/dashboard/live"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// TestEveryHistogramQueryReturnsDataOfNativeHistograms runs the queries of histograms on a service that has exponential
// ones alone, with the rules that are loaded for them.
func TestEveryHistogramQueryReturnsDataOfNativeHistograms(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	rules, err := os.ReadFile("../../../collector-config/prometheus/native.yml")
	if err != nil {
		t.Fatal(err)
	}
	server, err := live.StartPrometheus(ctx, t.TempDir(), string(rules),
		live.Target{Job: "shop", Instance: "shop-1", Address: withNativeHistograms(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = server.Kill() }()
	awaitAnswers(ctx, t, server, slices.DeleteFunc(questions(t), func(q question) bool {
		return !strings.Contains(q.Expr, "_duration_seconds")
	}))
}

// withNativeHistograms runs a service that queries, fails and reconnects all the time, and returns the address of its metrics.
func withNativeHistograms(t *testing.T) string {
	t.Helper()
	exporter, err := prometheus.New(prometheus.WithAggregationSelector(func(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if kind == sdkmetric.InstrumentKindHistogram {
			return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 8}
		}
		return sdkmetric.DefaultAggregationSelector(kind)
	}))
	if err != nil {
		t.Fatal(err)
	}
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
	pool, inst, err := otelpool.New(t.Context(), postgrestest.Database(t), otelpool.WithMeterProvider(provider), otelpool.WithPoolName("main"))
	if err != nil {
		t.Fatal(err)
	}
	page := httptest.NewServer(exporter)
	ctx, cancel := context.WithCancel(t.Context())
	ctx, span := sdktrace.NewTracerProvider().Tracer("native").Start(ctx, "traced")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for ctx.Err() == nil {
			_, _ = pool.Exec(ctx, "SELECT pg_sleep(0.01)")
			_, _ = pool.Exec(ctx, "SELECT 1/0")
			pool.Reset()
		}
	}()
	t.Cleanup(func() {
		cancel()
		<-done
		span.End()
		page.Close()
		pool.Close()
		if err := inst.Unregister(); err != nil {
			t.Error(err)
		}
	})
	return strings.TrimPrefix(page.URL, "http://")
}
