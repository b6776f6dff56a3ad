package collectortest_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestAttributesWithReservedLabelsAreRenamed(t *testing.T) {
	t.Parallel()
	own := []attribute.KeyValue{attribute.String("job", "mine"), attribute.String("instance", "mine"), attribute.String("le", "mine")}
	fields := func(system string) metric.MeasurementOption { return poolNamed("main", system, own[:3:3]...) }
	emit := func(t *testing.T, provider metric.MeterProvider) {
		ours := provider.Meter(catalogue.ScopeName)
		upDown(t, ours, "pgxpool.size", 5, fields(""))
		record(t, ours, "db.client.connection.use_time", fields(""))
		record(t, provider.Meter("example.com/cache"), "cache.time", fields(""))
		// Two keys with one label: only this series is lost.
		upDown(t, provider.Meter("example.com/cache"), "cache.size", 7, metric.WithAttributes(attribute.Int("a.b", 1), attribute.Int("a_b", 2)))
	}
	want := map[string]float64{
		`db_pool_size{exported_instance="mine",exported_job="mine",exported_le="mine",pool="main"}`:                                       5,
		`db_pool_hold_duration_seconds_count{exported_instance="mine",exported_job="mine",exported_le="mine",pool="main"}`:                1,
		`cache_time_seconds_count{db_client_connection_pool_name="main",exported_instance="mine",exported_job="mine",exported_le="mine"}`: 1,
	}
	kept := func(series map[string]float64) map[string]float64 {
		return named(series, "db_pool_size", "db_pool_hold_duration_seconds_count", "cache_time_seconds_count")
	}
	t.Run("page", func(t *testing.T) {
		t.Parallel()
		c := startCollector(t, stacktest.Shipped(t, standalone))
		provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+c.grpc, append(identity(), own...)...)
		emit(t, provider)
		testutil.NoError(t, provider.ForceFlush(t.Context()))
		becomes(t, "page", want, func() map[string]float64 { return kept(c.read(t).series) })
	})
	t.Run("store", func(t *testing.T) {
		t.Parallel()
		f := startFleet(t, stacktest.Shipped(t, gateway))
		provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+f.agent.grpc, append(identity(), own...)...)
		emit(t, provider)
		testutil.NoError(t, provider.ForceFlush(t.Context()))
		becomes(t, "store", want, func() map[string]float64 { return kept(f.store.query(t, everything)) })
	})
}
