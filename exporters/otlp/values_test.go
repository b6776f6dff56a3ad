package otlp_test

import (
	"context"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	commonpb "go.opentelemetry.io/proto/otlp/common/v1"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	resourcepb "go.opentelemetry.io/proto/otlp/resource/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
)

func TestBothProtocolsDeliverEqualMetrics(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	options := []sdkmetric.Option{
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "hold"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}},
		)),
	}
	receivers := map[otlp.Protocol]*otlptest.Receiver{}
	for _, p := range bothProtocols {
		receiver := otlptest.New(t, p.receiver)
		reader, err := otlp.NewReader(ctx, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()))
		if err != nil {
			t.Fatal(err)
		}
		receivers[p.reader] = receiver
		options = append(options, sdkmetric.WithReader(reader))
	}
	provider := sdkmetric.NewMeterProvider(options...)

	recordAll(t, provider.Meter("github.com/shop/db", metric.WithInstrumentationVersion("1.2.3")))
	if err := provider.Shutdown(ctx); err != nil {
		t.Fatal(err)
	}

	for protocol, receiver := range receivers {
		received := receiver.Metrics()
		if len(received) != 1 {
			t.Fatalf("%s: received %d times: want once", protocol, len(received))
		}
		clearTimes(t, received[0])
		if want := recorded(); !proto.Equal(received[0], want) {
			t.Errorf("%s: received\n%s\nwant\n%s", protocol, prototext.Format(received[0]), prototext.Format(want))
		}
	}
}

var (
	traceID = trace.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	spanID  = trace.SpanID{1, 2, 3, 4, 5, 6, 7, 8}
)

func recordAll(t *testing.T, meter metric.Meter) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ctx := context.Background()
	sampled := trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: traceID, SpanID: spanID, TraceFlags: trace.FlagsSampled,
	}))
	pool := metric.WithAttributes(attribute.String("pool", "orders"))

	size, err := meter.Int64Gauge("size", metric.WithUnit("{connection}"), metric.WithDescription("Base size."))
	must(err)
	size.Record(ctx, 7, pool)
	size.Record(ctx, 10, pool)

	acquires, err := meter.Int64Counter("acquires", metric.WithUnit("{acquire}"))
	must(err)
	acquires.Add(ctx, 3, pool)
	acquires.Add(ctx, 4, pool)

	wait, err := meter.Float64Histogram("wait", metric.WithUnit("s"), metric.WithExplicitBucketBoundaries(0.125, 1))
	must(err)
	wait.Record(ctx, 0.0625, pool)
	wait.Record(sampled, 0.5, pool)
	wait.Record(ctx, 4, pool)

	hold, err := meter.Float64Histogram("hold", metric.WithUnit("s"))
	must(err)
	for _, v := range []float64{1, 2, 4} {
		hold.Record(ctx, v, pool)
	}
}

// recorded returns the metrics that recordAll records, without times.
func recorded() *metricspb.ResourceMetrics {
	text := func(key, value string) []*commonpb.KeyValue {
		return []*commonpb.KeyValue{{Key: key, Value: &commonpb.AnyValue{
			Value: &commonpb.AnyValue_StringValue{StringValue: value},
		}}}
	}
	pool := text("pool", "orders")
	cumulative := metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_CUMULATIVE

	// At scale 6 an octave has 64 buckets, and a bucket includes its upper bound.
	holdBuckets := make([]uint64, 129)
	holdBuckets[0], holdBuckets[64], holdBuckets[128] = 1, 1, 1

	return &metricspb.ResourceMetrics{
		Resource: &resourcepb.Resource{Attributes: text("service.name", "shop")},
		ScopeMetrics: []*metricspb.ScopeMetrics{{
			Scope: &commonpb.InstrumentationScope{Name: "github.com/shop/db", Version: "1.2.3"},
			Metrics: []*metricspb.Metric{{
				Name: "size", Unit: "{connection}", Description: "Base size.",
				Data: &metricspb.Metric_Gauge{Gauge: &metricspb.Gauge{
					DataPoints: []*metricspb.NumberDataPoint{{
						Attributes: pool, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 10},
					}},
				}},
			}, {
				Name: "acquires", Unit: "{acquire}",
				Data: &metricspb.Metric_Sum{Sum: &metricspb.Sum{
					AggregationTemporality: cumulative, IsMonotonic: true,
					DataPoints: []*metricspb.NumberDataPoint{{
						Attributes: pool, Value: &metricspb.NumberDataPoint_AsInt{AsInt: 7},
					}},
				}},
			}, {
				Name: "wait", Unit: "s",
				Data: &metricspb.Metric_Histogram{Histogram: &metricspb.Histogram{
					AggregationTemporality: cumulative,
					DataPoints: []*metricspb.HistogramDataPoint{{
						Attributes: pool, Count: 3, Sum: proto.Float64(4.5625),
						Min: proto.Float64(0.0625), Max: proto.Float64(4),
						ExplicitBounds: []float64{0.125, 1}, BucketCounts: []uint64{1, 1, 1},
						Exemplars: []*metricspb.Exemplar{{
							Value: &metricspb.Exemplar_AsDouble{AsDouble: 0.5}, TraceId: traceID[:], SpanId: spanID[:],
						}},
					}},
				}},
			}, {
				Name: "hold", Unit: "s",
				Data: &metricspb.Metric_ExponentialHistogram{ExponentialHistogram: &metricspb.ExponentialHistogram{
					AggregationTemporality: cumulative,
					DataPoints: []*metricspb.ExponentialHistogramDataPoint{{
						Attributes: pool, Count: 3, Sum: proto.Float64(7),
						Min: proto.Float64(1), Max: proto.Float64(4), Scale: 6,
						Positive: &metricspb.ExponentialHistogramDataPoint_Buckets{Offset: -1, BucketCounts: holdBuckets},
						Negative: &metricspb.ExponentialHistogramDataPoint_Buckets{},
					}},
				}},
			}},
		}},
	}
}

// clearTimes checks that every point has its times, and clears them.
func clearTimes(t *testing.T, rm *metricspb.ResourceMetrics) {
	t.Helper()
	clear := func(times ...*uint64) {
		t.Helper()
		for _, at := range times {
			if *at == 0 {
				t.Error("a data point or exemplar has no time")
			}
			*at = 0
		}
	}
	for _, sm := range rm.GetScopeMetrics() {
		for _, m := range sm.GetMetrics() {
			for _, p := range m.GetGauge().GetDataPoints() {
				clear(&p.TimeUnixNano, &p.StartTimeUnixNano)
			}
			for _, p := range m.GetSum().GetDataPoints() {
				clear(&p.TimeUnixNano, &p.StartTimeUnixNano)
			}
			for _, p := range m.GetHistogram().GetDataPoints() {
				clear(&p.TimeUnixNano, &p.StartTimeUnixNano)
				for _, e := range p.GetExemplars() {
					clear(&e.TimeUnixNano)
				}
			}
			for _, p := range m.GetExponentialHistogram().GetDataPoints() {
				clear(&p.TimeUnixNano, &p.StartTimeUnixNano)
			}
		}
	}
}
