package otelpooltest

import (
	"cmp"
	"context"
	"maps"
	"math"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

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
	// Without a limit the SDK never merges series.
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

// Outcome counts the operations of one name that ended in one way.
type Outcome struct {
	Pool      string
	Operation string
	ErrorType string // "" for success, else a SQLSTATE, timeout, canceled, connect, connection or _OTHER
	Count     int
	Total     time.Duration
}

// Operations returns the number of finished operations with that name, including failed ones. [otelpool.WithOperation]
// describes the names. It returns 0 for an unknown name; OperationNames returns the known ones. A query is finished
// when its rows are closed.
func (r *Recorder) Operations(name string) int {
	r.t.Helper()
	count, _ := r.sum(func(o Outcome) bool { return o.Operation == name })
	return count
}

// Failures returns the number of operations of that name that failed with that error type: a SQLSTATE such as "23505"
// if the server sent one, else timeout, canceled, connect, connection or _OTHER. The error type "" stands for any.
func (r *Recorder) Failures(name, errorType string) int {
	r.t.Helper()
	count, _ := r.sum(func(o Outcome) bool {
		return o.Operation == name && o.ErrorType != "" && (errorType == "" || o.ErrorType == errorType)
	})
	return count
}

// Duration returns the total and the mean duration of the operations of that name, including failed ones, or 0 if there
// were none. Outcomes separates them by error type.
func (r *Recorder) Duration(name string) (total, mean time.Duration) {
	r.t.Helper()
	count, total := r.sum(func(o Outcome) bool { return o.Operation == name })
	return total, total / time.Duration(max(count, 1))
}

// OperationNames returns the names of the finished operations, sorted.
func (r *Recorder) OperationNames() []string {
	r.t.Helper()
	var names []string
	for _, o := range r.Outcomes() {
		names = append(names, o.Operation)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Outcomes returns all finished operations by pool, name and error type, sorted by these.
func (r *Recorder) Outcomes() []Outcome {
	r.t.Helper()
	found := map[Outcome]Outcome{} // by Outcome without numbers; user attributes may split one into several series
	ours := r.metrics(func(scope string) bool { return scope == otelpool.ScopeName })
	for _, data := range ours[dbconv.ClientOperationDuration{}.Name()] {
		histogram, _ := data.(metricdata.Histogram[float64])
		for _, p := range histogram.DataPoints {
			key := Outcome{
				Pool:      text(p.Attributes, semconv.DBClientConnectionPoolNameKey),
				Operation: text(p.Attributes, semconv.DBQuerySummaryKey),
				ErrorType: text(p.Attributes, semconv.ErrorTypeKey),
			}
			o := key
			o.Count = found[key].Count + int(p.Count)
			o.Total = found[key].Total + time.Duration(math.Round(p.Sum*float64(time.Second)))
			found[key] = o
		}
	}
	return slices.SortedFunc(maps.Values(found), func(a, b Outcome) int {
		return cmp.Or(cmp.Compare(a.Pool, b.Pool), cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.ErrorType, b.ErrorType))
	})
}

// sum adds up the wanted outcomes.
func (r *Recorder) sum(wanted func(Outcome) bool) (count int, total time.Duration) {
	r.t.Helper()
	for _, o := range r.Outcomes() {
		if wanted(o) {
			count += o.Count
			total += o.Total
		}
	}
	return count, total
}

// text returns the value of an attribute, or "" if the set does not have it.
func text(set attribute.Set, key attribute.Key) string {
	value, _ := set.Value(key)
	return value.AsString()
}
