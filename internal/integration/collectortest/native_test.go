package collectortest_test

import (
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// exponential selects exponential aggregation for histograms.
func exponential(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	if kind == sdkmetric.InstrumentKindHistogram {
		return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 8}
	}
	return sdkmetric.DefaultAggregationSelector(kind)
}

func recordThree(t *testing.T, provider telemetry) {
	t.Helper()
	wait, err := provider.Meter(catalogue.ScopeName).Float64Histogram("db.client.connection.wait_time", metric.WithUnit("s"))
	testutil.NoError(t, err)
	for _, seconds := range []float64{0.001, 0.02, 0.3} {
		wait.Record(t.Context(), seconds)
	}
	testutil.NoError(t, provider.ForceFlush(t.Context()))
}

func TestExponentialHistogramsAreServedAsNative(t *testing.T) {
	t.Parallel()
	c := startCollector(t, stacktest.Shipped(t, standalone))
	recordThree(t, newTelemetryWith(t, exponential, otlp.ProtocolGRPC, "http://"+c.grpc, identity()...))
	var native *dto.Histogram
	testutil.Within(t, stacktest.WaitLimit, "the histogram on the page", func() bool {
		for _, family := range protobufPage(t, "http://"+c.page+"/metrics") {
			if family.GetName() == "db_pool_acquire_duration_seconds" {
				native = family.GetMetric()[0].GetHistogram()
			}
		}
		return native != nil
	})
	if native.GetSampleCount() != 3 || len(native.GetPositiveSpan()) == 0 || len(native.GetBucket()) != 0 {
		t.Errorf("not a native histogram of three: %v", native)
	}
}

func TestExponentialHistogramsAreStoredAsNative(t *testing.T) {
	t.Parallel()
	f := startFleet(t, stacktest.Shipped(t, gateway))
	recordThree(t, newTelemetryWith(t, exponential, otlp.ProtocolGRPC, "http://"+f.agent.grpc, identity()...))
	becomes(t, "store", map[string]float64{"{}": 3}, func() map[string]float64 {
		return f.store.query(t, "histogram_count(db_pool_acquire_duration_seconds)")
	})
}

// protobufPage fetches a page in the format that has native histograms.
func protobufPage(t *testing.T, url string) []*dto.MetricFamily {
	t.Helper()
	format := expfmt.NewFormat(expfmt.TypeProtoDelim)
	var families []*dto.MetricFamily
	for decoder := expfmt.NewDecoder(strings.NewReader(get(t, url, string(format))), format); ; {
		family := &dto.MetricFamily{}
		if err := decoder.Decode(family); err != nil {
			return families
		}
		families = append(families, family)
	}
}
