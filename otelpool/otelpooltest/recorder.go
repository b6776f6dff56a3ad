package otelpooltest

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Recorder records the metrics of a test, for the test to query. Its methods return totals since its creation, of all
// pools that report to it; use a Recorder for each pool and each test to keep them apart. It starts nothing and needs
// no closing.
type Recorder struct {
	t        testing.TB
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

// NewRecorder returns a Recorder that fails t when a method asks for a metric that does not exist.
func NewRecorder(t testing.TB) *Recorder {
	reader := sdkmetric.NewManualReader()
	// Without a limit the SDK never adds up several series in one.
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
	return &Recorder{t: t, reader: reader, provider: provider}
}

// Option returns an option that makes a pool report to the Recorder.
func (r *Recorder) Option() otelpool.Option {
	return otelpool.WithMeterProvider(r.provider)
}

// MeterProvider returns the Recorder's MeterProvider. Use it for code under test that creates its own pool, and for
// instruments of your own, which Value and Collect also read.
func (r *Recorder) MeterProvider() metric.MeterProvider {
	return r.provider
}

// Collect returns all metrics in the SDK's form, for data that the other methods do not return: histograms other than
// that of operations, buckets, exemplars. The SDK's package metricdatatest compares such data.
func (r *Recorder) Collect() metricdata.ResourceMetrics {
	r.t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		r.t.Errorf("otelpooltest: collect: %v", err)
	}
	return all
}

// metrics returns the collected metrics of the wanted instrumentation scopes by name.
func (r *Recorder) metrics(wanted func(scope string) bool) map[string][]metricdata.Aggregation {
	r.t.Helper()
	all := map[string][]metricdata.Aggregation{}
	for _, scope := range r.Collect().ScopeMetrics {
		if !wanted(scope.Scope.Name) {
			continue
		}
		for _, m := range scope.Metrics {
			all[m.Name] = append(all[m.Name], m.Data)
		}
	}
	return all
}
