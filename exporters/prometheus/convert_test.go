package prometheus_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"math"
	"net/http"
	"net/http/httptest"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	client "github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// awkwardSets are attribute sets that are hard to turn into labels.
var awkwardSets = []attribute.Set{
	{},
	attribute.NewSet(),
	attribute.NewSet(mainPool),
	attribute.NewSet(mainPool, attribute.String("a.b", "2"), attribute.String("a_b", "1"), attribute.Int("a-b", 3)),
	attribute.NewSet(mainPool, attribute.String("empty", "")),
	attribute.NewSet(mainPool, attribute.String("ключ a", "значение")),
	attribute.NewSet(mainPool, attribute.String("1st", "\"quoted\"\\\n\x00")),
	attribute.NewSet(mainPool, attribute.Bool("b", true), attribute.Float64("f", 0.1)),
	attribute.NewSet(mainPool, attribute.StringSlice("s", []string{"x", "y"})),
	attribute.NewSet(mainPool, attribute.String("x.y", "duplicate")),
	attribute.NewSet(mainPool, attribute.String("x_y", "duplicate")),
	attribute.NewSet(mainPool, attribute.String("x_z", "duplicate")), // not one
	attribute.NewSet(mainPool, attribute.String("pool", "theirs"), attribute.String("operation", "theirs")),
	attribute.NewSet(attribute.Bool("otel.metric.overflow", true)),
	attribute.NewSet(mainPool, attribute.String("left out", "\xff")),
	attribute.NewSet(mainPool, attribute.String("__reserved__", "left out")),
	attribute.NewSet(mainPool, attribute.String("_", "left out")),
}

var numbers = []float64{0, 1, -1, 0.1, 1e21, math.NaN(), math.Inf(1), math.Inf(-1), math.MaxInt64}

func pointsOf[N int64 | float64](exemplars ...metricdata.Exemplar[N]) (points []metricdata.DataPoint[N]) {
	for i, set := range awkwardSets {
		points = append(points, metricdata.DataPoint[N]{Attributes: set, Value: N(numbers[i%len(numbers)]),
			StartTime: time.Unix(100, 0), Time: time.Unix(200, 0), Exemplars: exemplars})
	}
	return points
}

func histogramsOf[N int64 | float64](exemplars ...metricdata.Exemplar[N]) (points []metricdata.HistogramDataPoint[N]) {
	for i, set := range awkwardSets {
		point := metricdata.HistogramDataPoint[N]{Attributes: set, StartTime: time.Unix(100, 0), Time: time.Unix(200, 0),
			Count: 15, Sum: N(numbers[i%len(numbers)]), Exemplars: exemplars}
		switch i % 3 {
		case 0:
			point.Bounds, point.BucketCounts = []float64{-1, 0.5, 10}, []uint64{1, 2, 4, 8}
		case 1:
			point.Bounds, point.BucketCounts = []float64{1, math.Inf(1)}, []uint64{7, 8, 0}
		default:
			point.BucketCounts = []uint64{15}
		}
		points = append(points, point)
	}
	return points
}

func exemplarsWith[N int64 | float64](values ...N) (exemplars []metricdata.Exemplar[N]) {
	filtered := []attribute.KeyValue{
		attribute.String("k.ey", "first"), attribute.String("k_ey", "знач,\"}"), attribute.String("trace_id", "no"),
	}
	for _, value := range values {
		exemplars = append(exemplars, metricdata.Exemplar[N]{Value: value, Time: time.Unix(150, 250e6),
			TraceID: []byte{1, 2}, SpanID: []byte{3}, FilteredAttributes: filtered})
	}
	return append(exemplars, metricdata.Exemplar[N]{Value: 3, Time: time.Unix(160, 0)})
}

// awkward has metrics of each type, one of them in two scopes.
func awkward() fixedProducer {
	size := metricdata.Metrics{Name: "pgxpool.size", Description: "Size.", Unit: "{connection}",
		Data: metricdata.Gauge[int64]{DataPoints: pointsOf[int64]()}}
	metrics := []metricdata.Metrics{
		size,
		{Name: "pgxpool.oldest_wait", Unit: "s", Data: metricdata.Gauge[float64]{DataPoints: pointsOf[float64]()}},
		{Name: "db.client.connection.max", Unit: "{connection}",
			Data: metricdata.Sum[int64]{DataPoints: pointsOf(exemplarsWith[int64](1)...)}},
		{Name: "pgxpool.acquires", Unit: "{acquire}",
			Data: metricdata.Sum[int64]{IsMonotonic: true, DataPoints: pointsOf(exemplarsWith[int64](1, 2)...)}},
		{Name: "pgxpool.busy_time", Unit: "s",
			Data: metricdata.Sum[float64]{IsMonotonic: true, DataPoints: pointsOf(exemplarsWith(1.5)...)}},
		{Name: "db.client.operation.duration", Unit: "s", Data: metricdata.Histogram[float64]{
			DataPoints: histogramsOf(exemplarsWith(-5, 0.5, 0.25, 11, 12, math.Inf(1))...)}},
		{Name: "db.client.response.returned_rows", Unit: "{row}",
			Data: metricdata.Histogram[int64]{DataPoints: histogramsOf(exemplarsWith[int64](0, 100)...)}},
		{Name: "db.client.connection.wait_time", Unit: "s", Data: metricdata.ExponentialHistogram[float64]{
			DataPoints: []metricdata.ExponentialHistogramDataPoint[float64]{{Attributes: awkwardSets[3],
				Count: 3, Sum: 7, Scale: 1, PositiveBucket: metricdata.ExponentialBucket{Offset: 1, Counts: []uint64{1, 2}}}}}},
	}
	return fixedProducer{
		{Scope: instrumentation.Scope{Name: poolScope, Version: "1"}, Metrics: metrics},
		{Scope: instrumentation.Scope{Name: poolScope, Version: "2"}, Metrics: []metricdata.Metrics{
			size, {Name: "pgxpool.peak", Data: metricdata.Gauge[int64]{}}}},
	}
}

// TestConversionEqualsOfficialExporter compares pages byte by byte, except for the order of an exemplar's labels, which
// is random in the official exporter.
func TestConversionEqualsOfficialExporter(t *testing.T) {
	t.Parallel()
	res := sdkmetric.WithResource(resource.NewSchemaless(
		attribute.String("service.name", "shop"), attribute.String("zone.id", "b"), attribute.String("zone_id", "a")))
	for name, filter := range map[string]attribute.Filter{
		"plain":           attribute.NewAllowKeysFilter(),
		"resource labels": attribute.NewAllowKeysFilter("service.name", "zone.id", "zone_id"),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			registry := client.NewRegistry()
			exporter := newExporter(t, prometheus.WithProducer(awkward()), prometheus.WithOpenTelemetryNames(),
				prometheus.WithResourceAsConstantLabels(filter), prometheus.WithErrorHandler(&errorList{}))
			reader := newOfficial(t, registry, otelprom.WithProducer(awkward()), otelprom.WithoutScopeInfo(),
				otelprom.WithoutTargetInfo(), otelprom.WithResourceAsConstantLabels(filter))
			sdkmetric.NewMeterProvider(res, sdkmetric.WithReader(exporter), sdkmetric.WithReader(reader))

			for range 2 { // the second time with the kept labels
				official, _ := registry.Gather() // The error is about omitted series.
				if len(official) != 8 {
					t.Fatalf("the official exporter has %v", familyNames(official))
				}
				for accept, format := range map[string]expfmt.Format{
					acceptText:        expfmt.NewFormat(expfmt.TypeTextPlain),
					acceptOpenMetrics: expfmt.NewFormat(expfmt.TypeOpenMetrics),
				} {
					body := page(t, exporter, accept)
					if got := unzipped(t, exporter, accept); sortExemplars(got) != sortExemplars(body) {
						t.Errorf("the compressed page is\n%s\nwant\n%s", got, body)
					}
					for _, family := range official {
						want := encode(t, family, format)
						if !strings.Contains("\n"+sortExemplars(body)+"#", "\n"+sortExemplars(want)+"#") {
							t.Errorf("%s: no\n%s\nin\n%s", format, want, body)
						}
					}
				}
			}
		})
	}
}

func TestGatheredLabelsBelongToCaller(t *testing.T) {
	t.Parallel()
	exporter := newExporter(t, failOnError(t), prometheus.WithOpenTelemetryNames())
	instrument(t, newProvider(t, exporter), []string{"main"}, poolInstruments)
	registry := client.NewRegistry()
	registry.MustRegister(exporter.Collector())

	for range 2 {
		for _, gatherer := range []client.Gatherer{exporter, registry} {
			for _, family := range gatherAll(t, gatherer) {
				for _, m := range family.Metric {
					for _, label := range m.Label {
						*label.Name, *label.Value = "changed", "changed"
					}
					m.Label = nil
				}
			}
		}
		compareGolden(t, "both.txt", page(t, exporter, acceptText))
	}
}

func TestLabelsOfEndedSeriesAreForgotten(t *testing.T) {
	t.Parallel()
	series := fixedProducer{{Scope: instrumentation.Scope{Name: poolScope}, Metrics: []metricdata.Metrics{
		{Name: "pgxpool.size"}}}}
	exporter := newExporter(t, failOnError(t), prometheus.WithProducer(series))
	newProvider(t, exporter)
	for i := range 100 {
		set := attribute.NewSet(mainPool, attribute.Int("number", i))
		series[0].Metrics[0].Data = metricdata.Gauge[int64]{DataPoints: []metricdata.DataPoint[int64]{{Attributes: set}}}
		page(t, exporter, acceptText)
	}
	testutil.Equal(t, "label sets kept", exporter.LabelSets(), 1)
}

func unzipped(t *testing.T, handler http.Handler, accept string) string {
	t.Helper()
	request := httptest.NewRequest(http.MethodGet, "/metrics", nil)
	request.Header.Set("Accept", accept)
	request.Header.Set("Accept-Encoding", "gzip")
	response := httptest.NewRecorder()
	handler.ServeHTTP(response, request)
	return unzip(t, response.Body)
}

func unzip(t *testing.T, body io.Reader) string {
	t.Helper()
	reader, err := gzip.NewReader(body)
	testutil.NoError(t, err)
	text, err := io.ReadAll(reader)
	testutil.NoError(t, err)
	return string(text)
}

func encode(t *testing.T, family *dto.MetricFamily, format expfmt.Format) string {
	t.Helper()
	var b bytes.Buffer
	testutil.NoError(t, expfmt.NewEncoder(&b, format).Encode(family))
	return b.String()
}

var (
	exemplarOf = regexp.MustCompile(`(?m) # \{.*\} `)
	labelOf    = regexp.MustCompile(`\w+="(?:[^"\\]|\\.)*"`)
)

func sortExemplars(page string) string {
	return exemplarOf.ReplaceAllStringFunc(page, func(found string) string {
		return " # {" + strings.Join(slices.Sorted(slices.Values(labelOf.FindAllString(found, -1))), ",") + "} "
	})
}
