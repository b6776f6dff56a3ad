package otlp_test

import (
	"context"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

func TestBothProtocolsDeliverEqualMetrics(t *testing.T) {
	t.Parallel()
	ctx := testContext(t)
	options := []sdkmetric.Option{
		sdkmetric.WithResource(resource.NewSchemaless(attribute.String("service.name", "shop"))),
		sdkmetric.WithView(sdkmetric.NewView(
			sdkmetric.Instrument{Name: "hold"},
			sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 0}},
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
		clearTimes(t, received[0].ProtoReflect())
		var want metricspb.ResourceMetrics
		if err := prototext.Unmarshal([]byte(recorded), &want); err != nil {
			t.Fatal(err)
		}
		if !proto.Equal(received[0], &want) {
			t.Errorf("%s: received\n%s\nwant\n%s", protocol, prototext.Format(received[0]), recorded)
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

// recorded is what recordAll records, without times.
const recorded = `
resource { attributes { key: "service.name" value { string_value: "shop" } } }
scope_metrics {
  scope { name: "github.com/shop/db" version: "1.2.3" }
  metrics {
    name: "size" unit: "{connection}" description: "Base size."
    gauge { data_points { attributes { key: "pool" value { string_value: "orders" } } as_int: 10 } }
  }
  metrics {
    name: "acquires" unit: "{acquire}"
    sum {
      aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE is_monotonic: true
      data_points { attributes { key: "pool" value { string_value: "orders" } } as_int: 7 }
    }
  }
  metrics {
    name: "wait" unit: "s"
    histogram {
      aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE
      data_points {
        attributes { key: "pool" value { string_value: "orders" } }
        count: 3 sum: 4.5625 min: 0.0625 max: 4 explicit_bounds: [0.125, 1] bucket_counts: [1, 1, 1]
        exemplars {
          as_double: 0.5 span_id: "\x01\x02\x03\x04\x05\x06\x07\x08"
          trace_id: "\x01\x02\x03\x04\x05\x06\x07\x08\x09\x0a\x0b\x0c\x0d\x0e\x0f\x10"
        }
      }
    }
  }
  metrics {
    name: "hold" unit: "s"
    exponential_histogram {
      aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE
      data_points {
        attributes { key: "pool" value { string_value: "orders" } }
        count: 3 sum: 7 min: 1 max: 4 scale: 0 positive { offset: -1 bucket_counts: [1, 1, 1] } negative {}
      }
    }
  }
}`

// clearTimes checks that every point and exemplar has its times, and clears them.
func clearTimes(t *testing.T, m protoreflect.Message) {
	t.Helper()
	if at := m.Descriptor().Fields().ByName("time_unix_nano"); at != nil && !m.Has(at) {
		t.Errorf("%s has no time", m.Descriptor().Name())
	}
	m.Range(func(field protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case strings.HasSuffix(string(field.Name()), "time_unix_nano"):
			m.Clear(field)
		case field.IsList() && field.Message() != nil:
			for i := range v.List().Len() {
				clearTimes(t, v.List().Get(i).Message())
			}
		case field.Message() != nil:
			clearTimes(t, v.Message())
		}
		return true
	})
}
