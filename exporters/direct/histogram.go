package direct

import (
	"context"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// histogram is an instrument whose measurements are kept here.
type histogram struct {
	metric.Float64Histogram // the SDK's, which is never recorded to and tells whether a reader is left

	scope     instrumentation.Scope
	stream    sdkmetric.Stream
	bounds    []float64 // increasing
	noMinMax  bool
	exemplars exemplar.Filter // nil if there are none
	limit     int

	mu    sync.Mutex // guards the fields below, but not what is in the series
	known map[attribute.Distinct]*series
	all   []*series
	start time.Time
}

func newHistogram(
	h metric.Float64Histogram, scope instrumentation.Scope, stream sdkmetric.Stream,
	buckets sdkmetric.AggregationExplicitBucketHistogram, cfg config,
) *histogram {
	return &histogram{
		Float64Histogram: h, scope: scope, stream: stream, bounds: slices.Clone(buckets.Boundaries),
		noMinMax: buckets.NoMinMax, exemplars: cfg.exemplars, limit: cfg.limit,
		known: map[attribute.Distinct]*series{}, start: time.Now(),
	}
}

// Record implements metric.Float64Histogram. Whoever records often binds the attributes.
func (h *histogram) Record(ctx context.Context, value float64, opts ...metric.RecordOption) {
	h.find(metric.NewRecordConfig(opts).Attributes()).record(ctx, value)
}

// Bind returns the histogram that records to the series with the attributes. It is the method of
// go.opentelemetry.io/otel/metric/x.Float64Binder.
func (h *histogram) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	return &bound{Float64Histogram: h, histogram: h, attributes: attribute.NewSet(attrs...)}
}

// overflow is the set of attributes of the series above the cardinality limit.
var overflow = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))

// find returns the series of a set of attributes, or the one of all sets above the limit.
func (h *histogram) find(set attribute.Set) *series {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := h.known[set.Equivalent()]; s != nil {
		return s
	}
	if h.limit > 0 && len(h.all) >= h.limit-1 {
		set = overflow
		if s := h.known[set.Equivalent()]; s != nil {
			return s
		}
	}
	s := &series{histogram: h, attributes: set}
	h.known[set.Equivalent()], h.all = s, append(h.all, s)
	return s
}

// bound is a histogram for one set of attributes. Its series begins with the first measurement, as in the SDK: a series
// without measurements must not count toward the limit.
type bound struct {
	metric.Float64Histogram
	histogram  *histogram
	attributes attribute.Set
	series     atomic.Pointer[series]
}

// Record implements metric.Float64Histogram.
func (b *bound) Record(ctx context.Context, value float64, _ ...metric.RecordOption) {
	s := b.series.Load()
	if s == nil {
		s = b.histogram.find(b.attributes)
		b.series.Store(s)
	}
	s.record(ctx, value)
}

// collect returns the data points, and reports whether there are any. With delta temporality, it takes them away.
func (h *histogram) collect(temporality metricdata.Temporality) (metricdata.Histogram[float64], bool) {
	now := time.Now()
	h.mu.Lock()
	start, all := h.start, h.all
	if temporality == metricdata.DeltaTemporality {
		h.start = now
	}
	h.mu.Unlock()

	data := metricdata.Histogram[float64]{
		Temporality: temporality, DataPoints: make([]metricdata.HistogramDataPoint[float64], 0, len(all)),
	}
	width := len(h.bounds) + 1
	bounds, counts := slices.Clone(h.bounds), make([]uint64, width*len(all)) // The reader may change them.
	for _, s := range all {
		point := metricdata.HistogramDataPoint[float64]{
			Attributes: s.attributes, StartTime: start, Time: now, Bounds: bounds, BucketCounts: counts[:width:width],
		}
		if s.collect(&point, temporality == metricdata.DeltaTemporality) {
			data.DataPoints, counts = append(data.DataPoints, point), counts[width:]
		}
	}
	return data, len(data.DataPoints) > 0
}
