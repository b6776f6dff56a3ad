package prometheus_test

import (
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// observe observes 1 for one series of an instrument of package otelpool.
func observe(tb testing.TB, provider metric.MeterProvider, name string, attrs ...attribute.KeyValue) {
	tb.Helper()
	meter := provider.Meter(poolScope)
	spec := poolInstruments[slices.IndexFunc(poolInstruments, func(s instrumentSpec) bool { return s.name == name })]
	r := &recorder{}
	observable, err := r.add(meter, spec, metric.WithAttributes(attrs...), 1)
	testutil.NoError(tb, err)
	if _, err := meter.RegisterCallback(r.callback, observable); err != nil {
		tb.Fatal(err)
	}
}

// observeBy creates a gauge that calls f at each collection.
func observeBy(t *testing.T, meter metric.Meter, name string, f metric.Int64Callback) {
	t.Helper()
	if _, err := meter.Int64ObservableGauge(name, metric.WithInt64Callback(f)); err != nil {
		t.Fatal(err)
	}
}

// count adds to a counter.
func count(t *testing.T, meter metric.Meter, name string, n int64, attrs ...attribute.KeyValue) {
	t.Helper()
	counter, err := meter.Int64Counter(name)
	testutil.NoError(t, err)
	counter.Add(t.Context(), n, metric.WithAttributes(attrs...))
}

// instrumentOthers creates the metrics of three other libraries. Some share a name with ours or with each other.
func instrumentOthers(t *testing.T, provider metric.MeterProvider) {
	t.Helper()
	for _, scope := range []metric.Meter{
		provider.Meter("github.com/exaring/otelpgx", metric.WithInstrumentationVersion("v0.13.0")),
		provider.Meter("example.com/cache"),
		provider.Meter("example.com/queue", metric.WithSchemaURL("https://example.com/schema")),
	} {
		duration, err := scope.Float64Histogram("db.client.operation.duration", metric.WithUnit("s"),
			metric.WithDescription("Duration of database client operations."), metric.WithExplicitBucketBoundaries(0.1, 1))
		testutil.NoError(t, err)
		duration.Record(t.Context(), 0.5, metric.WithAttributes(operation("SELECT users")...))
		hits, err := scope.Int64Counter("cache.hits", metric.WithDescription("Hits."), metric.WithUnit("{hit}"))
		testutil.NoError(t, err)
		hits.Add(t.Context(), 7)
	}
}
