package e2e_test

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// documented maps OpenTelemetry names to the documented names at the Prometheus edge, by state. A metric without
// states has one name.
var documented = map[string]map[string]string{
	"pgxpool.size":                          {"": "db_pool_size"},
	"pgxpool.overflow":                      {"": "db_pool_overflow"},
	"pgxpool.overflow.max":                  {"": "db_pool_num_overflow"},
	"db.client.connection.count":            {"used": "db_pool_checked_out", "idle": "db_pool_checked_in"},
	"db.client.connection.max":              {"": "db_pool_max"},
	"db.client.connection.pending_requests": {"": "db_pool_pending"},
	"db.client.connection.timeouts":         {"": "db_pool_timeouts_total"},
	"db.client.operation.duration":          {"": "db_query_duration_seconds"},
	"db.client.connection.wait_time":        {"": "db_pool_acquire_duration_seconds"},
	"db.client.connection.use_time":         {"": "db_pool_hold_duration_seconds"},
	"db.client.connection.create_time":      {"": "db_pool_create_duration_seconds"},
}

// label maps attributes to labels at the Prometheus edge.
var label = map[string]string{
	"db.client.connection.pool.name": "pool",
	"db.query.summary":               "operation",
	"db.system.name":                 "db_system_name",
	"error.type":                     "error_type",
	"db.response.status_code":        "db_response_status_code",
}

// compare reports the series whose values differ. Sums may differ by their rounding: the SDK adds up for each reader
// separately, so it may add concurrent measurements in another order.
func compare(t *testing.T, what string, a, b map[string]float64) {
	t.Helper()
	if len(a) < len(documented) {
		t.Errorf("%s: only %d series", what, len(a))
	}
	for series, value := range a {
		other, ok := b[series]
		rounding := 0.
		if name, _, _ := strings.Cut(series, " "); strings.HasSuffix(name, "_sum") {
			rounding = 1e-12 * value
		}
		if !ok || math.Abs(value-other) > rounding {
			t.Errorf("%s: %s is %v and %v", what, series, value, other)
		}
	}
	for series := range b {
		if _, ok := a[series]; !ok {
			t.Errorf("%s: %s is not in the first", what, series)
		}
	}
}

// key returns a name for a series that does not depend on the order of labels or the spelling of a boundary.
func key(name string, labelled map[string]string) string {
	series := name
	for _, label := range slices.Sorted(maps.Keys(labelled)) {
		value := labelled[label]
		if le, err := strconv.ParseFloat(value, 64); err == nil && label == model.BucketLabel {
			value = strconv.FormatFloat(le, 'g', -1, 64)
		}
		series += fmt.Sprintf(" %s=%q", label, value)
	}
	return series
}

// pageSeries returns the series of a page that have a documented name.
func pageSeries(t *testing.T, p page) map[string]float64 {
	t.Helper()
	ours := make(map[string]bool)
	for _, names := range documented {
		for _, name := range names {
			for _, suffix := range []string{"", "_bucket", "_sum", "_count"} {
				ours[name+suffix] = true
			}
		}
	}
	series := make(map[string]float64)
	for _, s := range p.samples {
		if name := s.labels.Get(model.MetricNameLabel); ours[name] {
			k := key(name, labels.NewBuilder(s.labels).Del(model.MetricNameLabel).Labels().Map())
			if _, ok := series[k]; ok {
				t.Errorf("%s is there twice", k)
			}
			series[k] = s.value
		}
	}
	return series
}

// otlpSeries returns the series that Prometheus would have of the received metrics.
func otlpSeries(t *testing.T, received []*metricspb.ResourceMetrics) map[string]float64 {
	t.Helper()
	series := make(map[string]float64)
	for name := range documented {
		switch data := otlptest.Latest(received, name).GetData().(type) {
		case *metricspb.Metric_Gauge:
			addNumbers(t, series, name, data.Gauge.GetDataPoints())
		case *metricspb.Metric_Sum:
			addNumbers(t, series, name, data.Sum.GetDataPoints())
		case *metricspb.Metric_Histogram:
			for _, point := range data.Histogram.GetDataPoints() {
				addHistogram(t, series, name, point)
			}
		default:
			t.Errorf("%s is a %T", name, data)
		}
	}
	return series
}

func addNumbers(t *testing.T, series map[string]float64, name string, points []*metricspb.NumberDataPoint) {
	t.Helper()
	for _, point := range points {
		name, labelled := translate(t, name, point.GetAttributes())
		series[key(name, labelled)] = float64(point.GetAsInt())
	}
}

// addHistogram adds the series of a histogram. Its buckets are cumulative at the Prometheus edge.
func addHistogram(t *testing.T, series map[string]float64, name string, point *metricspb.HistogramDataPoint) {
	t.Helper()
	name, labelled := translate(t, name, point.GetAttributes())
	series[key(name+"_count", labelled)] = float64(point.GetCount())
	series[key(name+"_sum", labelled)] = point.GetSum()
	var cumulative uint64
	for i, bound := range append(point.GetExplicitBounds(), math.Inf(1)) {
		cumulative += point.GetBucketCounts()[i]
		labelled[model.BucketLabel] = fmt.Sprint(bound)
		series[key(name+"_bucket", labelled)] = float64(cumulative)
	}
}

// translate returns the documented name and the labels of a metric and its attributes.
func translate(t *testing.T, name string, attributes []*commonpb.KeyValue) (string, map[string]string) {
	t.Helper()
	labelled := make(map[string]string)
	var state string
	for _, kv := range attributes {
		switch {
		case kv.GetKey() == "db.client.connection.state":
			state = kv.GetValue().GetStringValue()
		case label[kv.GetKey()] != "":
			labelled[label[kv.GetKey()]] = kv.GetValue().GetStringValue()
		default:
			t.Errorf("%s has an attribute %s", name, kv.GetKey())
		}
	}
	if documented[name][state] == "" {
		t.Errorf("%s has no documented name for state %q", name, state)
	}
	return documented[name][state], labelled
}
