package fleet

import (
	"testing"
	"time"

	colmetricspb "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func text(key, value string) *commonpb.KeyValue {
	return &commonpb.KeyValue{Key: key, Value: &commonpb.AnyValue{Value: &commonpb.AnyValue_StringValue{StringValue: value}}}
}

// push returns a message with a metric of each kind, in one of two scopes.
func push(id string, now uint64) *colmetricspb.ExportMetricsServiceRequest {
	sum, bounds := 1.5, []float64{1, 2}
	number := []*metricspb.NumberDataPoint{{StartTimeUnixNano: 1, TimeUnixNano: now, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 7}}}
	return &colmetricspb.ExportMetricsServiceRequest{ResourceMetrics: []*metricspb.ResourceMetrics{{
		Resource: &resourcepb.Resource{Attributes: []*commonpb.KeyValue{text("service.name", "demo"), text("service.instance.id", id)}},
		ScopeMetrics: []*metricspb.ScopeMetrics{{
			Scope: &commonpb.InstrumentationScope{Name: "ours"},
			Metrics: []*metricspb.Metric{
				{Name: "a", Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{DataPoints: number}}},
				{Name: "b", Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{DataPoints: []*metricspb.NumberDataPoint{{TimeUnixNano: now}}}}},
				{Name: "c", Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{DataPoints: []*metricspb.HistogramDataPoint{
					{StartTimeUnixNano: 1, TimeUnixNano: now, Count: 3, Sum: &sum, ExplicitBounds: bounds, BucketCounts: []uint64{1, 1, 1}},
				}}}},
			},
		}},
	}}}
}

func TestStampMakesPushOfInstance(t *testing.T) {
	t.Parallel()
	other := &metricspb.ScopeMetrics{Scope: &commonpb.InstrumentationScope{Name: "another's"}}
	recorded := push("the one that was recorded", 2).GetResourceMetrics()
	recorded[0].ScopeMetrics = append(recorded[0].ScopeMetrics, other)
	empty := &metricspb.ResourceMetrics{ScopeMetrics: []*metricspb.ScopeMetrics{other}} // before the pool was opened
	r := newRecording(append([]*metricspb.ResourceMetrics{empty}, recorded...), "ours")
	now := time.Unix(1_800_000_000, 2)
	for n := range 2 {
		got := r.push(n)
		stamp(got, "fleet-0000042", now)
		if want := push("fleet-0000042", uint64(now.UnixNano())); !proto.Equal(got, want) {
			t.Errorf("push %d is %s\nwant %s", n, prototext.Format(got), prototext.Format(want))
		}
	}
}

func TestOverloadReportsSlowReceivers(t *testing.T) {
	t.Parallel()
	const interval = 10 * time.Second
	good := Step{Pushes: 10, Up: true, Scrape: time.Second}
	testutil.Equal(t, "a good step", good.Overload(interval), "")
	for name, change := range map[string]func(*Step){
		"a push failed":          func(s *Step) { s.Failed = 1 },
		"the scrape failed":      func(s *Step) { s.Up = false },
		"the scrape takes long":  func(s *Step) { s.Scrape = 11 * time.Second },
		"pushes are late":        func(s *Step) { s.Late = 6 * time.Second },
		"the rules take as long": func(s *Step) { s.Rules = 11 * time.Second },
	} {
		s := good
		change(&s)
		if s.Overload(interval) == "" {
			t.Errorf("%s: not an overload", name)
		}
	}
}
