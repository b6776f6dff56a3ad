package otelpooltest

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Recorder keeps what is measured during a test, for the test to ask. What it tells is the total since it was made, of
// all that reports to it; so give each pool, and each test, a Recorder of its own. It starts nothing and needs no closing.
type Recorder struct {
	t        testing.TB
	reader   *sdkmetric.ManualReader
	provider *sdkmetric.MeterProvider
}

// NewRecorder makes a Recorder that fails t when it is asked for what there is not.
func NewRecorder(t testing.TB) *Recorder {
	reader := sdkmetric.NewManualReader()
	// Beyond its limit the SDK folds series into one, which nobody would find.
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader), sdkmetric.WithCardinalityLimit(0))
	return &Recorder{t: t, reader: reader, provider: provider}
}

// Option has a pool measured by the Recorder.
func (r *Recorder) Option() otelpool.Option {
	return otelpool.WithMeterProvider(r.provider)
}

// MeterProvider is for what takes one: code under test that makes its pool itself, and instruments of its own, which
// Value and Collect tell of as well.
func (r *Recorder) MeterProvider() metric.MeterProvider {
	return r.provider
}

// Collect gives everything, in the SDK's form, for what the other methods do not tell: histograms other than that of
// operations, buckets, exemplars. The SDK's package metricdatatest compares such data.
func (r *Recorder) Collect() metricdata.ResourceMetrics {
	r.t.Helper()
	var all metricdata.ResourceMetrics
	if err := r.reader.Collect(context.Background(), &all); err != nil {
		r.t.Errorf("otelpooltest: collect: %v", err)
	}
	return all
}

// metrics gives what was collected, by name, of the wanted instrumentation scopes.
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
