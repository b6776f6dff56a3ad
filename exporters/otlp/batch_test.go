package otlp_test

import (
	"context"
	"math"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/protobuf/proto"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

// grpcLimit is the default maximum message size of a gRPC server.
const grpcLimit = 4 << 20

func TestLargeCollectionIsSplitBelowGRPCLimit(t *testing.T) {
	t.Parallel()
	const points = 3000
	receiver := otlptest.New(t, otlptest.GRPC)
	provider := newLargeProvider(t, receiver, points)
	noError(t, provider.ForceFlush(testContext(t)))

	series := map[int64]bool{}
	total := 0
	for _, rm := range receiver.Metrics() {
		size := proto.Size(rm)
		total += size
		if size > grpcLimit*3/4 {
			t.Errorf("a request has %d bytes: want a quarter of %d left over", size, grpcLimit)
		}
		for _, sm := range rm.GetScopeMetrics() {
			for _, m := range sm.GetMetrics() {
				for _, p := range m.GetHistogram().GetDataPoints() {
					series[p.GetAttributes()[0].GetValue().GetIntValue()] = true
				}
			}
		}
	}
	if len(series) != points {
		t.Errorf("%d of %d series arrived", len(series), points)
	}
	if total <= grpcLimit {
		t.Errorf("all requests have %d bytes: want more than %d, or the test proves nothing", total, grpcLimit)
	}
}

func TestBatchSizeIsUsed(t *testing.T) {
	t.Parallel()
	for _, p := range bothProtocols {
		receiver := otlptest.New(t, p.receiver)
		provider := newProvider(t, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()),
			otlp.WithMaxExportBatchSize(2))
		addSeries(t, provider, 5)
		noError(t, provider.ForceFlush(testContext(t)))
		if got := len(receiver.Metrics()); got != 3 {
			t.Errorf("%s: 5 points arrived in %d requests: want 3", p.reader, got)
		}
	}

	receiver := otlptest.New(t, otlptest.GRPC)
	provider := newLargeProvider(t, receiver, 3000, otlp.WithMaxExportBatchSize(math.MaxInt))
	if err := provider.ForceFlush(testContext(t)); err == nil || !strings.Contains(err.Error(), "ResourceExhausted") {
		t.Errorf("one large request: error %v: want ResourceExhausted", err)
	}
}

// newLargeProvider returns a provider with a histogram of the given number of series. Each is as large as a pool's
// series can be: it has an exemplar in every bucket and the longest operation name.
func newLargeProvider(t *testing.T, receiver *otlptest.Receiver, points int, opts ...otlp.Option) *sdkmetric.MeterProvider {
	t.Helper()
	opts = append([]otlp.Option{
		otlp.WithProtocol(otlp.ProtocolGRPC), otlp.WithEndpointURL(receiver.Endpoint()),
		otlp.WithTimeout(testTimeout), otlp.WithExportTimeout(testTimeout), // a request takes seconds on a busy machine
	}, opts...)
	reader, err := otlp.NewReader(context.Background(), opts...)
	noError(t, err)
	provider := newProviderOf(t, reader, sdkmetric.WithCardinalityLimit(0), sdkmetric.WithExemplarFilter(exemplar.AlwaysOnFilter))

	bounds := []float64{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	histogram, err := provider.Meter("test").Float64Histogram("test.histogram", metric.WithExplicitBucketBoundaries(bounds...))
	noError(t, err)
	ctx := trace.ContextWithSpanContext(context.Background(), trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{1}, SpanID: trace.SpanID{1}, TraceFlags: trace.FlagsSampled,
	}))
	name := strings.Repeat("x", 255)
	for i := range points {
		attrs := metric.WithAttributeSet(attribute.NewSet(
			attribute.Int("a.series", i), attribute.String("db.query.summary", name),
			attribute.String("db.client.connection.pool.name", "orders-primary-replica"),
			attribute.String("db.system.name", "postgresql"), attribute.String("db.namespace", "orders"),
			attribute.String("error.type", "23505"), attribute.String("db.response.status_code", "23505"),
			attribute.String("server.address", "db.internal.example.com"),
		))
		for v := range len(bounds) + 1 {
			histogram.Record(ctx, float64(v)+0.5, attrs)
		}
	}
	return provider
}
