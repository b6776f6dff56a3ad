package exporters_test

import (
	"context"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

// TestDirectPushesTheSame pushes the same measurements through the SDK and through package direct, twice each.
func TestDirectPushesTheSame(t *testing.T) {
	t.Parallel()
	for _, temporality := range []metricdata.Temporality{metricdata.CumulativeTemporality, metricdata.DeltaTemporality} {
		var pushed [2][]*metricspb.Metric
		for way := range pushed {
			receiver := otlptest.New(t, otlptest.HTTP)
			reader, err := otlp.NewReader(t.Context(), otlp.WithEndpointURL(receiver.Endpoint()),
				otlp.WithTemporalitySelector(func(sdkmetric.InstrumentKind) metricdata.Temporality { return temporality }))
			if err != nil {
				t.Fatal(err)
			}
			var provider flusher
			if way == 0 {
				provider = sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
			} else {
				provider = direct.NewMeterProvider(direct.WithReader(reader))
			}
			h, err := provider.Meter("github.com/otelpool/otelpool-go/otelpool").Float64Histogram("db.client.operation.duration",
				metric.WithExplicitBucketBoundaries(0.25, 0.5))
			if err != nil {
				t.Fatal(err)
			}
			for i := range 2 {
				for n := range 1 + i {
					h.Record(t.Context(), float64(1+n)/4, metric.WithAttributes(attribute.Int("n", i)))
				}
				if err := provider.ForceFlush(t.Context()); err != nil {
					t.Fatal(err)
				}
				pushed[way] = append(pushed[way], otlptest.Latest(receiver.Metrics(), "db.client.operation.duration"))
			}
			if err := provider.Shutdown(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		for i := range pushed[0] {
			want, got := withoutTimes(pushed[0][i]), withoutTimes(pushed[1][i])
			if want == nil || !proto.Equal(want, got) {
				t.Errorf("%v, push %d: direct pushes %s, the SDK %s", temporality, i, prototext.Format(got), prototext.Format(want))
			}
		}
	}
}

// flusher is what the SDK's MeterProvider and the direct one have in common.
type flusher interface {
	metric.MeterProvider
	ForceFlush(context.Context) error
	Shutdown(context.Context) error
}

// withoutTimes returns the metric without the times of its data points, which it sorts by n.
func withoutTimes(m *metricspb.Metric) *metricspb.Metric {
	m = proto.CloneOf(m)
	points := m.GetHistogram().GetDataPoints()
	for _, p := range points {
		p.TimeUnixNano, p.StartTimeUnixNano = 0, 0
	}
	if len(points) == 2 && points[0].Attributes[0].Value.GetIntValue() > points[1].Attributes[0].Value.GetIntValue() {
		points[0], points[1] = points[1], points[0]
	}
	return m
}
