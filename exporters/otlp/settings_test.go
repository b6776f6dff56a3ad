package otlp_test

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	metricspb "go.opentelemetry.io/proto/otlp/metrics/v1"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/exporters/otlp/otlptest"
)

func TestIntervalAndExportTimeoutAreUsed(t *testing.T) {
	t.Setenv("OTEL_METRIC_EXPORT_INTERVAL", "11000")
	t.Setenv("OTEL_METRIC_EXPORT_TIMEOUT", "12000")
	for _, tc := range []struct {
		name string
		opts []otlp.Option
		want string
	}{
		{"of the environment", nil, "Interval:11s Timeout:12s"},
		{"by option",
			[]otlp.Option{otlp.WithInterval(13 * time.Second), otlp.WithExportTimeout(14 * time.Second)},
			"Interval:13s Timeout:14s"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			reader, err := otlp.NewReader(context.Background(), tc.opts...)
			noError(t, err)
			defer reader.Shutdown(context.Background())
			if got := fmt.Sprintf("%+v", reader.MarshalLog()); !strings.Contains(got, tc.want) {
				t.Errorf("reader is %s: want %s", got, tc.want)
			}
		})
	}
}

func TestTemporalityAndAggregationAreUsed(t *testing.T) {
	exponential := func(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
		if kind == sdkmetric.InstrumentKindHistogram {
			return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 20, MaxScale: 5}
		}
		return sdkmetric.DefaultAggregationSelector(kind)
	}
	for _, p := range bothProtocols {
		for _, tc := range []struct {
			name, temporality, aggregation string
			opts                           []otlp.Option
			wantDelta, wantExponential     bool
		}{
			{name: "default"},
			{name: "environment", temporality: "Delta", aggregation: "Base2_exponential_bucket_histogram",
				wantDelta: true, wantExponential: true},
			{name: "options on", temporality: "cumulative", aggregation: "explicit_bucket_histogram",
				opts: []otlp.Option{
					otlp.WithTemporalitySelector(sdkmetric.DeltaTemporalitySelector), otlp.WithAggregationSelector(exponential),
				},
				wantDelta: true, wantExponential: true},
			{name: "options off", temporality: "lowmemory", aggregation: "base2_exponential_bucket_histogram",
				opts: []otlp.Option{
					otlp.WithTemporalitySelector(sdkmetric.CumulativeTemporalitySelector),
					otlp.WithAggregationSelector(sdkmetric.DefaultAggregationSelector),
				}},
		} {
			t.Run(fmt.Sprint(p.reader, " ", tc.name), func(t *testing.T) {
				t.Setenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", tc.temporality)
				t.Setenv("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION", tc.aggregation)
				receiver := otlptest.New(t, p.receiver)
				reader, err := otlp.NewReader(context.Background(),
					append(tc.opts, otlp.WithProtocol(p.reader), otlp.WithEndpointURL(receiver.Endpoint()))...)
				noError(t, err)
				provider := newProviderOf(t, reader)
				histogram, err := provider.Meter("test").Int64Histogram("test.histogram")
				noError(t, err)
				histogram.Record(context.Background(), 3)
				add(t, provider, 1)
				noError(t, provider.ForceFlush(testContext(t)))

				sum := otlptest.Latest(receiver.Metrics(), "test.count").GetSum()
				delta := sum.GetAggregationTemporality() == metricspb.AggregationTemporality_AGGREGATION_TEMPORALITY_DELTA
				isExponential := otlptest.Latest(receiver.Metrics(), "test.histogram").GetExponentialHistogram() != nil
				if delta != tc.wantDelta || isExponential != tc.wantExponential {
					t.Errorf("received delta %v, exponential %v: want %v, %v",
						delta, isExponential, tc.wantDelta, tc.wantExponential)
				}
				// The MeterProvider of package direct asks the reader.
				delta = reader.Temporality(sdkmetric.InstrumentKindHistogram) == metricdata.DeltaTemporality
				_, isExponential = reader.Aggregation(sdkmetric.InstrumentKindHistogram).(sdkmetric.AggregationBase2ExponentialHistogram)
				if delta != tc.wantDelta || isExponential != tc.wantExponential {
					t.Errorf("the reader says delta %v, exponential %v: want %v, %v",
						delta, isExponential, tc.wantDelta, tc.wantExponential)
				}
			})
		}
	}
}

func TestOptionValuesAreCopied(t *testing.T) {
	t.Parallel()
	receiver := otlptest.New(t, otlptest.HTTP)
	headers := map[string]string{"x-a": "1"}
	option := otlp.WithHeaders(headers)
	headers["x-a"] = "2"
	wantPushed(t, receiver, otlp.WithEndpointURL(receiver.Endpoint()), option)
	if got := receiver.Requests()[0].Header.Values("x-a"); len(got) != 1 || got[0] != "1" {
		t.Errorf("received %s %v: want 1", http.CanonicalHeaderKey("x-a"), got)
	}
}
