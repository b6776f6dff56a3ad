package otlp_test

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"testing"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

func TestOverflowIsReportedOncePerInstrument(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP)
	reader, err := otlp.NewReader(t.Context(), otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(receiver.Endpoint()), otlp.WithInterval(time.Hour))
	noError(t, err)
	native := sdkmetric.NewView(sdkmetric.Instrument{Name: "*.native"},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}})
	const limit = 3
	provider := newProviderOf(t, reader, sdkmetric.WithView(native), sdkmetric.WithCardinalityLimit(limit))

	scope := rand.Text() // so that reports of an earlier run in this process are not counted
	names := record(t, provider.Meter(scope), limit)
	for range 2 {
		noError(t, provider.ForceFlush(testContext(t)))
	}
	for _, name := range names {
		if got := reported.count(fmt.Sprintf("%q of %q", name, scope)); got != 1 {
			t.Errorf("%s was reported %d times", name, got)
		}
	}
	if got := reported.count(fmt.Sprintf("%q of %q", "overflow.within", scope)); got != 0 {
		t.Error("an instrument within the limit was reported")
	}
}

// record records limit series, which is one too many, in an instrument of each kind, and returns the names of these
// instruments. It records fewer in "overflow.within".
func record(t *testing.T, meter metric.Meter, limit int) []string {
	t.Helper()
	intCounter, err1 := meter.Int64Counter("overflow.int.sum")
	floatCounter, err2 := meter.Float64Counter("overflow.float.sum")
	intGauge, err3 := meter.Int64Gauge("overflow.int.gauge")
	floatGauge, err4 := meter.Float64Gauge("overflow.float.gauge")
	intHistogram, err5 := meter.Int64Histogram("overflow.int.histogram")
	floatHistogram, err6 := meter.Float64Histogram("overflow.float.histogram")
	intNative, err7 := meter.Int64Histogram("overflow.int.native")
	floatNative, err8 := meter.Float64Histogram("overflow.float.native")
	within, err9 := meter.Int64Counter("overflow.within")
	noError(t, errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9))
	ctx := context.Background()
	for i := range limit {
		set := metric.WithAttributes(attribute.Int("series", i))
		intCounter.Add(ctx, 1, set)
		floatCounter.Add(ctx, 1, set)
		intGauge.Record(ctx, 1, set)
		floatGauge.Record(ctx, 1, set)
		intHistogram.Record(ctx, 1, set)
		floatHistogram.Record(ctx, 1, set)
		intNative.Record(ctx, 1, set)
		floatNative.Record(ctx, 1, set)
		if i > 0 {
			within.Add(ctx, 1, set)
		}
	}
	return []string{
		"overflow.int.sum", "overflow.float.sum", "overflow.int.gauge", "overflow.float.gauge",
		"overflow.int.histogram", "overflow.float.histogram", "overflow.int.native", "overflow.float.native",
	}
}
