package otelpool_test

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

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

// finishing is a MeterProvider whose float64 histograms implement Finisher of go.opentelemetry.io/otel/metric/x. It keeps
// the series that were finished.
type finishing struct {
	metric.MeterProvider
	mu       sync.Mutex
	finished []string
}

func (p *finishing) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return finishingMeter{p.MeterProvider.Meter(name, opts...), p}
}

type finishingMeter struct {
	metric.Meter
	provider *finishing
}

func (m finishingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return finishingHistogram{h, name, m.provider}, err
}

type finishingHistogram struct {
	metric.Float64Histogram
	name     string
	provider *finishing
}

func (h finishingHistogram) Finish(_ context.Context, attrs ...attribute.KeyValue) {
	h.provider.mu.Lock()
	defer h.provider.mu.Unlock()
	h.provider.finished = append(h.provider.finished, seriesKey(h.name, attribute.NewSet(attrs...)))
}

func TestUnregisterFinishesHistograms(t *testing.T) {
	t.Parallel()
	f := newTelemetry(t)
	provider := &finishing{MeterProvider: f.provider}
	pool, inst := newInstrumented(t, parse(t, database(t)), otelpool.WithMeterProvider(provider))
	_, _ = pool.Exec(otelpool.WithOperation(t.Context(), "named"), "SELECT 1")
	_, _ = pool.Exec(t.Context(), "SELECT nonsense")
	recorded := f.collect(t)
	unregister(t, inst)
	finished := make(map[string]bool)
	for _, key := range provider.finished {
		finished[key] = true
	}
	for key, value := range recorded {
		if _, recorded := value.(metricdata.HistogramDataPoint[float64]); recorded && !finished[key] {
			t.Errorf("%s was not finished", key)
		}
	}
}

// binding is a MeterProvider whose histograms have the method Bind of go.opentelemetry.io/otel/metric/x, which those of
// the SDK 1.47 lack. It counts the measurements.
type binding struct {
	metric.MeterProvider
	bind func() bool // reports whether Bind returns a histogram

	bound, unbound atomic.Int64
}

func (b *binding) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	return bindingMeter{b.MeterProvider.Meter(name, opts...), b}
}

type bindingMeter struct {
	metric.Meter
	of *binding
}

func (m bindingMeter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	return &float64Bindable{h, m.of}, err
}

func (m bindingMeter) Int64Histogram(name string, opts ...metric.Int64HistogramOption) (metric.Int64Histogram, error) {
	h, err := m.Meter.Int64Histogram(name, opts...)
	return &int64Bindable{h, m.of}, err
}

type float64Bindable struct {
	metric.Float64Histogram
	of *binding
}

func (h *float64Bindable) Record(ctx context.Context, value float64, opts ...metric.RecordOption) {
	h.of.unbound.Add(1)
	h.Float64Histogram.Record(ctx, value, opts...)
}

func (h *float64Bindable) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	if !h.of.bind() {
		return nil
	}
	return &boundFloat64{h.Float64Histogram, h.of, attribute.NewSet(attrs...)}
}

type int64Bindable struct {
	metric.Int64Histogram
	of *binding
}

func (h *int64Bindable) Record(ctx context.Context, value int64, opts ...metric.RecordOption) {
	h.of.unbound.Add(1)
	h.Int64Histogram.Record(ctx, value, opts...)
}

func (h *int64Bindable) Bind(attrs ...attribute.KeyValue) metric.Int64Histogram {
	if !h.of.bind() {
		return nil
	}
	return &boundInt64{h.Int64Histogram, h.of, attribute.NewSet(attrs...)}
}

type boundFloat64 struct {
	metric.Float64Histogram
	of  *binding
	set attribute.Set
}

func (h *boundFloat64) Record(ctx context.Context, value float64, opts ...metric.RecordOption) {
	h.of.bound.Add(1)
	h.Float64Histogram.Record(ctx, value, append(opts, metric.WithAttributeSet(h.set))...)
}

type boundInt64 struct {
	metric.Int64Histogram
	of  *binding
	set attribute.Set
}

func (h *boundInt64) Record(ctx context.Context, value int64, opts ...metric.RecordOption) {
	h.of.bound.Add(1)
	h.Int64Histogram.Record(ctx, value, append(opts, metric.WithAttributeSet(h.set))...)
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
			b := &binding{bind: tt.bind}
			got := histogramCounts(t, database, func(p metric.MeterProvider) metric.MeterProvider { b.MeterProvider = p; return b })
			if !maps.Equal(got, want) {
				t.Errorf("counted\n%v\nwant\n%v", got, want)
			}
			checkEqual(t, "measurements by bound histograms", b.bound.Load() > 0, tt.bound)
			checkEqual(t, "measurements by others", b.unbound.Load() > 0, !tt.bound)
		})
	}
}
