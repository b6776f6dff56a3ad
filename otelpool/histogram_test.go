package otelpool_test

import (
	"context"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestPanickingHistogramDisturbsNobody has a View whose attribute filter panics when a histogram records.
func TestPanickingHistogramDisturbsNobody(t *testing.T) {
	t.Parallel()
	view := sdkmetric.NewView(sdkmetric.Instrument{Name: "db.client.*"}, sdkmetric.Stream{AttributeFilter: func(attribute.KeyValue) bool { panic("mine") }})
	tel := newTelemetry(t, sdkmetric.WithView(view))
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(tel.provider))
	for range 3 {
		execute(t, pool, t.Context(), "SELECT 1")
	}
	checkEqual(t, "holds", len(inst.Held()), 0)
	checkEqual(t, "AcquiredConns", pool.Stat().AcquiredConns(), 0)
	postgrestest.ClosePool(t, pool)
}

// histograms is a MeterProvider whose histograms have the methods Finish and Bind of go.opentelemetry.io/otel/metric/x. Those of
// the SDK 1.47 lack Bind.
type histograms struct {
	metric.MeterProvider
	bind func() bool // reports whether Bind returns a histogram; nil: it does not

	bound, unbound atomic.Int64 // measurements
	mu             sync.Mutex
	finished       []string // series
}

func (p *histograms) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return histogramMeter{p.MeterProvider.Meter(name, opts...), p}
}

type histogramMeter struct {
	metric.Meter
	of *histograms
}

func (m histogramMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return float64Histogram{h, series{m.of, name, nil}}, err
}

func (m histogramMeter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	h, err := m.Meter.Int64Histogram(name, opts...)
	return int64Histogram{h, series{m.of, name, nil}}, err
}

// series is what the histograms of both types have.
type series struct {
	of   *histograms
	name string
	set  []metric.RecordOption // the attributes that are bound
}

func (s series) Finish(_ context.Context, attrs ...attribute.KeyValue) {
	s.of.mu.Lock()
	defer s.of.mu.Unlock()
	s.of.finished = append(s.of.finished, seriesKey(s.name, attribute.NewSet(attrs...)))
}

// count counts a measurement, and returns its options.
func (s series) count(opts []metric.RecordOption) []metric.RecordOption {
	if s.set == nil {
		s.of.unbound.Add(1)
	} else {
		s.of.bound.Add(1)
	}
	return append(opts, s.set...)
}

// bind returns the series of those attributes, false if there is none.
func (s series) bind(attrs []attribute.KeyValue) (series, bool) {
	return series{s.of, s.name, []metric.RecordOption{metric.WithAttributes(attrs...)}}, s.of.bind != nil && s.of.bind()
}

type float64Histogram struct {
	metric.Float64Histogram
	series
}

func (h float64Histogram) Record(ctx context.Context, value float64, opts ...metric.RecordOption) {
	h.Float64Histogram.Record(ctx, value, h.count(opts)...)
}

func (h float64Histogram) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	if s, ok := h.bind(attrs); ok {
		return float64Histogram{h.Float64Histogram, s}
	}
	return nil
}

type int64Histogram struct {
	metric.Int64Histogram
	series
}

func (h int64Histogram) Record(ctx context.Context, value int64, opts ...metric.RecordOption) {
	h.Int64Histogram.Record(ctx, value, h.count(opts)...)
}

func (h int64Histogram) Bind(attrs ...attribute.KeyValue) metric.Int64Histogram {
	if s, ok := h.bind(attrs); ok {
		return int64Histogram{h.Int64Histogram, s}
	}
	return nil
}

func TestUnregisterFinishesHistograms(t *testing.T) {
	t.Parallel()
	f := newTelemetry(t)
	provider := &histograms{MeterProvider: f.provider}
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(provider), otelpool.WithReturnedRows())
	_, _ = pool.Exec(otelpool.WithOperation(t.Context(), "named"), "SELECT 1")
	_, _ = pool.Exec(t.Context(), "SELECT nonsense")
	recorded := f.collect(t)
	unregister(t, inst)
	for key := range recorded {
		if recorded.count(key) > 0 && !slices.Contains(provider.finished, key) {
			t.Errorf("%s was not finished", key)
		}
	}
}

// histogramCounts uses a pool with a MeterProvider, and returns the number of samples of each series of a histogram.
func histogramCounts(t *testing.T, database *pgxpool.Config, wrap func(metric.MeterProvider) metric.MeterProvider) map[string]uint64 {
	t.Helper()
	tel := newTelemetry(t)
	pool, _ := newInstrumented(t, database, otelpool.WithReturnedRows(), otelpool.WithPoolName("p"),
		otelpool.WithMeterProvider(wrap(tel.provider)))
	for range 3 {
		for _, sql := range []string{"SELECT 1", "SELECT nonsense"} {
			_, _ = pool.Exec(t.Context(), sql)
			_, _ = pool.Exec(otelpool.WithOperation(t.Context(), "mine"), sql)
		}
	}
	counts, m := map[string]uint64{}, tel.collect(t)
	for key := range m {
		if n := m.count(key); n > 0 {
			counts[key] = n
		}
	}
	return counts
}

func TestBindingHistogramsAreBound(t *testing.T) {
	t.Parallel()
	database := parse(t, database(t))
	want := histogramCounts(t, database, func(p metric.MeterProvider) metric.MeterProvider { return p })
	if len(want) < 9 { // duration of two operations, successful and failed; use time and rows of both; wait and create time
		t.Fatalf("counted %v", want)
	}
	for _, tt := range []struct {
		name  string
		bind  func() bool
		bound bool
	}{
		{"binds", func() bool { return true }, true},
		{"returns nil", func() bool { return false }, false},
		{"panics", func() bool { panic("not today") }, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := &histograms{bind: tt.bind}
			got := histogramCounts(t, database, func(p metric.MeterProvider) metric.MeterProvider { b.MeterProvider = p; return b })
			if !maps.Equal(got, want) {
				t.Errorf("counted\n%v\nwant\n%v", got, want)
			}
			checkEqual(t, "measurements by bound histograms", b.bound.Load() > 0, tt.bound)
			checkEqual(t, "measurements by others", b.unbound.Load() > 0, !tt.bound)
		})
	}
}
