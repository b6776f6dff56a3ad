package prometheus_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// spanLabels are the exemplar labels of the span of traced.
const spanLabels = `span_id="0b00000000000000" trace_id="0a000000000000000000000000000000"`

func TestExemplarsAreValidForEveryScraper(t *testing.T) { // It sets the global error handler, so not in parallel.
	reported := &errorList{}
	otel.SetErrorHandler(reported)
	summary := func(value string) []attribute.KeyValue {
		return []attribute.KeyValue{attribute.String("db.query.summary", value)}
	}
	tests := map[string]struct {
		filtered []attribute.KeyValue
		want     string // the labels beside those of the span
	}{
		"fit":          {summary("get \"\\\nuser"), `db_query_summary="get \"\\\nuser"`},
		"NUL":          {summary("get\x00user"), `db_query_summary="get�user"`},
		"not UTF-8":    {summary("get\xffuser"), `db_query_summary="get�user"`},
		"at the limit": {summary(strings.Repeat("é", 49)), `db_query_summary="` + strings.Repeat("é", 49) + `"`},
		"too long":     {summary(strings.Repeat("é", 50)), ``},
		"one too long": {
			append(summary(strings.Repeat("x", 200)), attribute.Int("a", 1), attribute.String("z", "\x00")), `a="1" z="�"`,
		},
		"too long together": {
			append(summary(strings.Repeat("x", 45)), attribute.String("z", "12345")), `db_query_summary="` + strings.Repeat("x", 45) + `"`,
		},
		"reserved name":       {append(summary("get"), attribute.Bool("__reserved__", true)), `db_query_summary="get"`},
		"empty name":          {append(summary("get"), attribute.Bool("", true)), `db_query_summary="get"`},
		"name of dots":        {append(summary("get"), attribute.Bool("...", true)), `db_query_summary="get"`},
		"name of a digit":     {[]attribute.KeyValue{attribute.String("2", strings.Repeat("x", 60))}, `key_2="` + strings.Repeat("x", 60) + `"`},
		"made long by prefix": {[]attribute.KeyValue{attribute.String("2", strings.Repeat("x", 61))}, ``},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			exporter := newExporter(t, failOnError(t))
			recordFiltered(t, exporter, test.filtered)

			body := page(t, exporter, acceptOpenMetrics)
			if strings.Contains(body, "\x00") || !utf8.ValidString(body) {
				t.Errorf("page cannot be read: %q", body)
			}
			found := exemplarsOf(gatherAll(t, exporter))
			testutil.Equal(t, "metrics with exemplars", len(found), 7)
			want := strings.TrimSpace(test.want + " " + spanLabels)
			for name, got := range found {
				if !slices.Equal(got, []string{want}) {
					t.Errorf("%s has exemplars %q, want one with %s", name, got, want)
				}
			}
		})
	}
	if errs := reported.all(); len(errs) > 0 {
		t.Errorf("the global error handler got %d errors, the first is %v", len(errs), errs[0])
	}
}

func TestProducerExemplarsAreNotModified(t *testing.T) { // It sets the global error handler, so not in parallel.
	reported := &errorList{}
	otel.SetErrorHandler(reported)
	attrs := []attribute.KeyValue{
		attribute.String("a", "fit"), attribute.String("b", "\x00"), attribute.String("c", strings.Repeat("x", 200)), attribute.String("d", "fit"),
	}
	now := time.Now()
	produced := fixedProducer{{Metrics: []metricdata.Metrics{{Name: "jobs", Data: metricdata.Histogram[int64]{
		DataPoints: []metricdata.HistogramDataPoint[int64]{{
			Count: 5, Bounds: []float64{1, 2, 3}, BucketCounts: []uint64{1, 1, 1, 2},
			Exemplars: []metricdata.Exemplar[int64]{
				{Value: 1, Time: now, FilteredAttributes: attrs},
				{Value: 2, Time: now, TraceID: make([]byte, 100)},
				{Value: 3, Time: time.Date(10_000, time.January, 1, 0, 0, 0, 0, time.UTC)},
				{Value: 4, Time: now, FilteredAttributes: attrs[3:]},
			},
		}},
	}}}}}
	before := fmt.Sprint(produced)
	exporter := newExporter(t, failOnError(t), prometheus.WithProducer(produced))
	newProvider(t, exporter)

	const empty = `span_id="" trace_id=""`
	want := []string{`a="fit" b="�" d="fit" ` + empty, `d="fit" ` + empty}
	for range 2 {
		if got := exemplarsOf(gatherAll(t, exporter))["jobs"]; !slices.Equal(got, want) {
			t.Errorf("exemplars %q, want %q", got, want)
		}
	}
	testutil.Equal(t, "the producer's data", fmt.Sprint(produced), before)
	if errs := reported.all(); len(errs) > 0 {
		t.Errorf("the global error handler got %d errors, the first is %v", len(errs), errs[0])
	}
}

func TestValidExemplarsAllocateNothing(t *testing.T) { // Another test's allocations would count, so not in parallel.
	reader := sdkmetric.NewManualReader()
	provider := newProvider(t, reader)
	instrument(t, provider, []string{"main"}, poolInstruments).recordAll(traced(t.Context()))
	instrumentOthers(t, provider)
	var collected metricdata.ResourceMetrics
	testutil.NoError(t, reader.Collect(t.Context(), &collected))

	if n := testing.AllocsPerRun(10, func() { prometheus.SanitizeExemplars(collected.ScopeMetrics) }); n > 0 {
		t.Errorf("%v allocations, want none", n)
	}
}

// recordFiltered records one value in an instrument of each type that has exemplars, one of them of package otelpool. A
// View drops the attributes filtered, and a span is sampled.
func recordFiltered(t *testing.T, reader sdkmetric.Reader, filtered []attribute.KeyValue) {
	t.Helper()
	view := func(i sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		stream := sdkmetric.Stream{Name: i.Name, Unit: i.Unit, AttributeFilter: attribute.NewAllowKeysFilter(mainPool.Key)}
		if strings.HasPrefix(i.Name, "exponential") {
			stream.Aggregation = sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
		}
		return stream, true
	}
	provider := sdkmetric.NewMeterProvider(shop, sdkmetric.WithReader(reader), sdkmetric.WithView(view))
	ctx, with := traced(t.Context()), metric.WithAttributes(append(filtered, mainPool)...)
	pools, others := provider.Meter(poolScope), provider.Meter("example.com/queue")
	for _, histogram := range []struct {
		meter metric.Meter
		name  string
	}{{pools, "db.client.operation.duration"}, {others, "seconds"}, {others, "exponential.seconds"}} {
		h, err := histogram.meter.Float64Histogram(histogram.name)
		testutil.NoError(t, err)
		h.Record(ctx, 1, with)
	}
	for _, name := range []string{"sizes", "exponential.sizes"} {
		h, err := others.Int64Histogram(name)
		testutil.NoError(t, err)
		h.Record(ctx, 1, with)
	}
	spent, err := others.Float64Counter("spent")
	testutil.NoError(t, err)
	spent.Add(ctx, 1, with)
	jobs, err := others.Int64Counter("jobs")
	testutil.NoError(t, err)
	jobs.Add(ctx, 1, with)
}

// exemplarsOf returns the exemplar labels of each metric that has exemplars.
func exemplarsOf(families []*dto.MetricFamily) map[string][]string {
	found := map[string][]string{}
	for _, family := range families {
		for _, m := range family.Metric {
			exemplars := append(m.GetHistogram().GetExemplars(), m.GetCounter().GetExemplar())
			for _, bucket := range m.GetHistogram().GetBucket() {
				exemplars = append(exemplars, bucket.GetExemplar())
			}
			for _, e := range exemplars {
				if e == nil {
					continue
				}
				found[family.GetName()] = append(found[family.GetName()], exemplarLabels(e))
			}
		}
	}
	return found
}

// exemplarLabels returns the labels of e sorted by name, those of the span last.
func exemplarLabels(e *dto.Exemplar) string {
	var others, span []string
	for _, label := range e.Label {
		pair := fmt.Sprintf("%s=%q", label.GetName(), label.GetValue())
		if strings.HasSuffix(label.GetName(), "_id") {
			span = append(span, pair)
		} else {
			others = append(others, pair)
		}
	}
	slices.Sort(others)
	slices.Sort(span)
	return strings.Join(slices.Concat(others, span), " ")
}
