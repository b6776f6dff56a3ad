package direct_test

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/exporters/direct"
	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.MainWithURL(m) }

// setting configures both providers of a test.
type setting struct {
	temporality sdkmetric.TemporalitySelector
	aggregation sdkmetric.AggregationSelector
	views       []sdkmetric.View
	filter      exemplar.Filter
	limit       int
	env         [2]string
	readers     int // besides the first
}

// pair has the SDK's provider and the direct one, with the same setting.
type pair struct {
	embedded.MeterProvider
	providers   [2]metric.MeterProvider
	sdk, direct []*reader
}

func newPair(s setting) *pair {
	p := &pair{}
	var sdkOptions []sdkmetric.Option
	var options []direct.Option
	for range s.readers + 1 {
		a, b := newReader(s.temporality, s.aggregation), newReader(s.temporality, s.aggregation)
		p.sdk, p.direct = append(p.sdk, a), append(p.direct, b)
		sdkOptions, options = append(sdkOptions, sdkmetric.WithReader(a)), append(options, direct.WithReader(b))
	}
	sdkOptions, options = append(sdkOptions, sdkmetric.WithView(s.views...)), append(options, direct.WithView(s.views...))
	if s.filter != nil {
		sdkOptions = append(sdkOptions, sdkmetric.WithExemplarFilter(s.filter))
		options = append(options, direct.WithExemplarFilter(s.filter))
	}
	if s.limit != 0 {
		sdkOptions = append(sdkOptions, sdkmetric.WithCardinalityLimit(s.limit))
		options = append(options, direct.WithCardinalityLimit(s.limit))
	}
	p.providers = [2]metric.MeterProvider{sdkmetric.NewMeterProvider(sdkOptions...), direct.NewMeterProvider(options...)}
	return p
}

// Meter implements metric.MeterProvider: its histograms record to both providers.
func (p *pair) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return pairMeter{p.providers[0].Meter(name, opts...), p.providers[1].Meter(name, opts...)}
}

type pairMeter struct {
	metric.Meter
	direct metric.Meter
}

func (m pairMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	a, err := m.Meter.Float64Histogram(name, opts...)
	if err != nil {
		return nil, err
	}
	b, err := m.direct.Float64Histogram(name, opts...)
	return pairHistogram{Float64Histogram: a, direct: b}, err
}

type binder interface {
	Bind(attrs ...attribute.KeyValue) metric.Float64Histogram
}

type pairHistogram struct {
	metric.Float64Histogram
	direct metric.Float64Histogram
	opts   []metric.RecordOption // for the SDK's, which cannot bind
}

func (h pairHistogram) Record(ctx context.Context, v float64, opts ...metric.RecordOption) {
	h.Float64Histogram.Record(ctx, v, append(opts, h.opts...)...)
	h.direct.Record(ctx, v, opts...)
}

// Bind binds the attributes to both histograms. The SDK's cannot bind, so it gets them as an option.
func (h pairHistogram) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	h.opts = []metric.RecordOption{metric.WithAttributes(attrs...)}
	if b, ok := h.direct.(binder); ok {
		h.direct = b.Bind(attrs...)
	} else {
		h.direct = pairHistogram{Float64Histogram: h.direct, direct: noHistogram, opts: h.opts}
	}
	return h
}

var noHistogram, _ = sdkmetric.NewMeterProvider().Meter("").Float64Histogram("none")

// check compares the data points of all readers, and returns their number.
func (p *pair) check(t *testing.T, opts ...metricdatatest.Option) (points int) {
	t.Helper()
	for i := range p.sdk {
		want, got := collect(t, p.sdk[i]), collect(t, p.direct[i])
		if len(want) != len(got) {
			t.Fatalf("reader %d: %d histograms by the SDK, %d direct", i, len(want), len(got))
		}
		for j := range want {
			opts := append([]metricdatatest.Option{metricdatatest.IgnoreTimestamp()}, opts...)
			metricdatatest.AssertEqual(t, want[j], got[j], opts...)
			if h, ok := want[j].Data.(metricdata.Histogram[float64]); ok {
				points += len(h.DataPoints)
			}
		}
	}
	return points
}

// collect returns the histograms that a reader sees, by name.
func collect(t *testing.T, r sdkmetric.Reader) (all []metricdata.Metrics) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	testutil.NoError(t, r.Collect(t.Context(), &rm))
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Histogram[float64]:
				for i := range data.DataPoints {
					// The last digits depend on the order of additions.
					data.DataPoints[i].Sum, _ = strconv.ParseFloat(fmt.Sprintf("%.12g", data.DataPoints[i].Sum), 64)
				}
				all = append(all, m)
			case metricdata.ExponentialHistogram[float64]:
				all = append(all, m)
			}
		}
	}
	slices.SortFunc(all, func(a, b metricdata.Metrics) int { return cmp.Compare(a.Name, b.Name) })
	return all
}

func view(stream sdkmetric.Stream) []sdkmetric.View {
	return []sdkmetric.View{sdkmetric.NewView(sdkmetric.Instrument{Name: "duration"}, stream)}
}

func delta(sdkmetric.InstrumentKind) metricdata.Temporality { return metricdata.DeltaTemporality }

func exponential(sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.AggregationBase2ExponentialHistogram{MaxSize: 160, MaxScale: 20}
}

var settings = map[string]struct {
	setting
	bySDK bool
}{
	"defaults":                 {setting: setting{}},
	"delta":                    {setting: setting{temporality: delta}, bySDK: true},
	"two readers":              {setting: setting{readers: 1}},
	"other buckets":            {setting: setting{views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2}}})}},
	"no extremes":              {setting: setting{views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{1, 2}, NoMinMax: true}})}},
	"40 buckets":               {setting: setting{views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: numbers(39)}})}},
	"no buckets":               {setting: setting{views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{}})}, bySDK: true},
	"default aggregation":      {setting: setting{views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationDefault{}})}},
	"unordered buckets":        {setting: setting{aggregation: unordered, views: view(sdkmetric.Stream{Name: "x"})}},
	"renamed":                  {setting: setting{views: view(sdkmetric.Stream{Name: "other", Description: "text", Unit: "ms"})}},
	"dropped":                  {setting: setting{views: view(sdkmetric.Stream{Aggregation: sdkmetric.AggregationDrop{}})}, bySDK: true},
	"filtered":                 {setting: setting{views: view(sdkmetric.Stream{AttributeFilter: attribute.NewDenyKeysFilter("n")})}, bySDK: true},
	"exponential by a View":    {setting: setting{views: view(sdkmetric.Stream{Aggregation: exponential(0)})}, bySDK: true},
	"exponential by a reader":  {setting: setting{aggregation: exponential}, bySDK: true},
	"two Views":                {setting: setting{views: append(view(sdkmetric.Stream{Name: "a"}), view(sdkmetric.Stream{Name: "b"})...)}, bySDK: true},
	"start of each series":     {setting: setting{env: [2]string{"OTEL_GO_X_PER_SERIES_START_TIMESTAMPS", "true"}}, bySDK: true},
	"limit":                    {setting: setting{limit: 3}},
	"limit of 1":               {setting: setting{limit: 1}},
	"no limit":                 {setting: setting{limit: -1}},
	"limit by environment":     {setting: setting{env: [2]string{"OTEL_GO_X_CARDINALITY_LIMIT", " 4 "}}},
	"all exemplars":            {setting: setting{filter: exemplar.AlwaysOnFilter}},
	"no exemplars":             {setting: setting{filter: exemplar.AlwaysOffFilter}},
	"exemplars by environment": {setting: setting{env: [2]string{"OTEL_METRICS_EXEMPLAR_FILTER", "always_on"}}},
}

func unordered(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{2, 1}}
}

func numbers(n int) (all []float64) {
	for i := range n {
		all = append(all, float64(i)/10)
	}
	return all
}

// TestSameAsSDK records the same measurements to the SDK and directly, with and without Bind, and compares the data points
// of several collections.
func TestSameAsSDK(t *testing.T) {
	for name, test := range settings {
		t.Run(name, func(t *testing.T) {
			if test.env[0] != "" {
				t.Setenv(test.env[0], test.env[1])
			}
			p := newPair(test.setting)
			m := p.Meter(catalogue.ScopeName, metric.WithInstrumentationVersion("1"))
			h, err := m.Float64Histogram("duration", metric.WithUnit("s"), metric.WithDescription("Time."),
				metric.WithExplicitBucketBoundaries(0.1, 0.5, 1))
			testutil.NoError(t, err)
			again, err := m.Float64Histogram("duration", metric.WithUnit("s"), metric.WithDescription("Time."))
			testutil.NoError(t, err)
			if _, ok := h.(pairHistogram).direct.(binder); ok == test.bySDK {
				t.Errorf("recorded directly: %t", ok)
			}
			bound := make([]metric.Float64Histogram, 6)
			for i := range bound {
				bound[i] = h.(binder).Bind(attribute.Int("n", i), attribute.String("s", "x"))
			}
			span := trace.ContextWithSpanContext(t.Context(), trace.NewSpanContext(trace.SpanContextConfig{
				TraceID: trace.TraceID{1}, SpanID: trace.SpanID{2}, TraceFlags: trace.FlagsSampled,
			}))
			p.check(t)
			values := []float64{0, 0.1, 0.25, 0.5, 0.75, 1, 1.5, 1e9, -1}
			for round := range 3 {
				for i, v := range values[round:] {
					// With several exemplars, a bucket keeps a random one.
					bound[round+i%2].Record(t.Context(), v)
				}
				bound[round].Record(span, 0.75)
				again.Record(t.Context(), 2, metric.WithAttributes(attribute.Int("n", 0)))
				opts := []metricdatatest.Option{}
				if test.filter != nil || test.env[0] != "" {
					opts = append(opts, metricdatatest.IgnoreExemplars())
				}
				p.check(t, opts...)
			}
		})
	}
}

// TestExemplars records several sampled measurements in each bucket, which keeps a random one.
func TestExemplars(t *testing.T) {
	r := newReader(nil, nil)
	p := direct.NewMeterProvider(direct.WithReader(r), direct.WithExemplarFilter(exemplar.AlwaysOnFilter))
	h, err := p.Meter(catalogue.ScopeName).Float64Histogram("duration", metric.WithExplicitBucketBoundaries(1, 2))
	testutil.NoError(t, err)
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 1000 {
				h.Record(t.Context(), 3*rand.Float64())
			}
		})
	}
	for range 10 {
		collect(t, r)
	}
	wg.Wait()
	exemplars := collect(t, r)[0].Data.(metricdata.Histogram[float64]).DataPoints[0].Exemplars
	if len(exemplars) != 3 {
		t.Fatalf("%d exemplars of 3 buckets", len(exemplars))
	}
	for i, e := range exemplars {
		if int(e.Value) != i || e.Time.IsZero() {
			t.Errorf("exemplar of bucket %d: %v", i, e)
		}
	}
}

// TestNothingIsLost records from many goroutines while the histogram is collected. No count may decrease, and none may
// be missing at the end.
func TestNothingIsLost(t *testing.T) {
	r := newReader(nil, nil)
	h, err := direct.NewMeterProvider(direct.WithReader(r)).Meter(catalogue.ScopeName).Float64Histogram("duration",
		metric.WithExplicitBucketBoundaries(1, 2))
	testutil.NoError(t, err)
	const callers, each = 16, 5000
	var last metricdata.HistogramDataPoint[float64]
	read := func() {
		for _, m := range collect(t, r) {
			now := m.Data.(metricdata.Histogram[float64]).DataPoints[0]
			for i, n := range last.BucketCounts {
				if now.BucketCounts[i] < n {
					t.Errorf("bucket %d went from %d to %d", i, n, now.BucketCounts[i])
				}
			}
			if now.Count < last.Count || now.Sum < last.Sum {
				t.Errorf("from %d measurements of %v to %d of %v", last.Count, last.Sum, now.Count, now.Sum)
			}
			last = now
		}
	}
	record := func() {
		var wg sync.WaitGroup
		for range callers {
			wg.Go(func() {
				bound := h.(binder).Bind(attribute.Int("n", 1))
				for i := range each {
					bound.Record(context.Background(), 0.5+float64(i%3))
				}
			})
		}
		wg.Wait()
	}
	testutil.During(record, read)
	if want := []uint64{1667 * callers, 1667 * callers, 1666 * callers}; !slices.Equal(last.BucketCounts, want) {
		t.Errorf("buckets %v, want %v", last.BucketCounts, want)
	}
	if want := float64(callers) * (1667*0.5 + 1667*1.5 + 1666*2.5); last.Sum != want {
		t.Errorf("sum %v, want %v", last.Sum, want)
	}
}

// TestStreams creates instruments that share a stream, in both orders and in two scopes.
func TestStreams(t *testing.T) {
	join := func(in sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		return sdkmetric.Stream{Name: "Both", Unit: "s"}, in.Name == "a" || in.Name == "b"
	}
	filter := func(in sdkmetric.Instrument) (sdkmetric.Stream, bool) {
		return sdkmetric.Stream{Name: "both", Unit: "s", AttributeFilter: attribute.NewDenyKeysFilter("x")}, in.Name == "filtered"
	}
	for _, names := range [][]string{{"a", "b", "filtered", "c", "C"}, {"filtered", "a", "b", "C", "c"}} {
		p := newPair(setting{views: []sdkmetric.View{join, filter}})
		for i, name := range names {
			for _, version := range []string{"1", "2"} {
				h, err := p.Meter(catalogue.ScopeName, metric.WithInstrumentationVersion(version)).Float64Histogram(name, metric.WithUnit("s"))
				testutil.NoError(t, err)
				h.Record(t.Context(), float64(i))
			}
		}
		if points := p.check(t); points != 4 {
			t.Errorf("%v: %d data points, want 4", names, points)
		}
	}
}

// TestReaderBelongsToFirstProvider has two providers with one reader, which each of them lists twice.
func TestReaderBelongsToFirstProvider(t *testing.T) {
	r := newReader(nil, nil)
	for range 2 {
		h, err := direct.NewMeterProvider(direct.WithReader(r), direct.WithReader(r), direct.WithView(nil)).
			Meter(catalogue.ScopeName).Float64Histogram("duration")
		testutil.NoError(t, err)
		h.Record(t.Context(), 1)
	}
	if found := collect(t, r); len(found) != 1 {
		t.Errorf("%d histograms of one", len(found))
	}
}

// TestReaderMayBeIncomparable uses a reader for which == panics.
func TestReaderMayBeIncomparable(t *testing.T) {
	r := struct {
		direct.Reader
		labels []string
	}{Reader: newReader(nil, nil)}
	direct.NewMeterProvider(direct.WithReader(newReader(nil, nil)), direct.WithReader(r), direct.WithReader(r))
}

// TestBoundTakesAttributes records with attributes besides the bound ones.
func TestBoundTakesAttributes(t *testing.T) {
	p := newPair(setting{})
	h, err := p.providers[1].Meter(catalogue.ScopeName).Float64Histogram("duration")
	testutil.NoError(t, err)
	attrs := []attribute.KeyValue{attribute.Int("z", 1), attribute.Int("a", 2)}
	bound := h.(binder).Bind(attrs...)
	if attrs[0].Key != "z" {
		t.Error("Bind sorts the attributes of its caller")
	}
	bound.Record(t.Context(), 1, metric.WithAttributes(attribute.Int("m", 3), attribute.Int("a", 4)))
	got := collect(t, p.direct[0])[0].Data.(metricdata.Histogram[float64]).DataPoints[0].Attributes
	if want := attribute.NewSet(attribute.Int("z", 1), attribute.Int("m", 3), attribute.Int("a", 4)); !got.Equals(&want) {
		t.Errorf("attributes %v, want %v", got.ToSlice(), want.ToSlice())
	}
}

// TestPool compares the metrics of a pool in use: operations that succeed and fail, on many goroutines.
func TestPool(t *testing.T) {
	p := newPair(setting{})
	config := postgrestest.Config(t)
	config.MaxConns = 3
	pool, _, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(p))
	testutil.NoError(t, err)
	var wg sync.WaitGroup
	for caller := range 8 {
		wg.Go(func() {
			for i := range 50 {
				ctx := otelpool.WithOperation(t.Context(), fmt.Sprint("work ", caller%3))
				sql := "SELECT 1"
				if i%10 == 0 {
					sql = "SELECT 1/0"
				}
				_, _ = pool.Exec(ctx, sql)
			}
		})
	}
	wg.Wait()
	pool.Close()
	if points := p.check(t); points < 8 {
		t.Errorf("only %d data points", points)
	}
}
