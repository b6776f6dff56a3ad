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

// histogram is an instrument that keeps its measurements itself. It is safe for concurrent use.
type histogram struct {
	metric.Float64Histogram // the SDK's, for Enabled; nothing is recorded to it

	scope     instrumentation.Scope
	stream    sdkmetric.Stream
	bounds    []float64 // increasing
	noMinMax  bool
	exemplars exemplar.Filter // nil if no exemplars are kept
	limit     int
	start     time.Time

	mu    sync.Mutex // guards the fields below, but not the contents of the series
	known map[attribute.Distinct]*series
	all   []*series
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

// Record implements metric.Float64Histogram. Unlike the Record of Bind's result, it looks up the series at each call.
func (h *histogram) Record(ctx context.Context, value float64, opts ...metric.RecordOption) {
	h.find(metric.NewRecordConfig(opts).Attributes()).record(ctx, value)
}

// Bind implements go.opentelemetry.io/otel/metric/x.Float64HistogramBinder. It returns a histogram that adds the
// attributes to each measurement.
func (h *histogram) Bind(attrs ...attribute.KeyValue) metric.Float64Histogram {
	return &bound{Float64Histogram: h, histogram: h, attributes: attribute.NewSet(slices.Clone(attrs)...)} // NewSet sorts.
}

// overflow is the set of attributes of the series above the cardinality limit.
var overflow = attribute.NewSet(attribute.Bool("otel.metric.overflow", true))

// find returns the series of the set, or the overflow series if the limit leaves no room for it.
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

// bound is a histogram with attributes. Its series begins with the first measurement, as in the SDK: a series without
// measurements must not count toward the limit.
type bound struct {
	metric.Float64Histogram
	histogram  *histogram
	attributes attribute.Set
	series     atomic.Pointer[series]
}

// Record implements metric.Float64Histogram.
func (b *bound) Record(ctx context.Context, value float64, opts ...metric.RecordOption) {
	if len(opts) > 0 {
		b.histogram.Record(ctx, value, append([]metric.RecordOption{metric.WithAttributeSet(b.attributes)}, opts...)...)
		return
	}
	s := b.series.Load()
	if s == nil {
		s = b.histogram.find(b.attributes)
		b.series.Store(s)
	}
	s.record(ctx, value)
}

// collect returns the data points, and reports whether there are any.
func (h *histogram) collect() (metricdata.Histogram[float64], bool) {
	h.mu.Lock()
	all := h.all
	h.mu.Unlock()
	now, width := time.Now(), len(h.bounds)+1
	bounds, counts := slices.Clone(h.bounds), make([]uint64, width*len(all)) // The reader may change them.
	points := make([]metricdata.HistogramDataPoint[float64], 0, len(all))
	for _, s := range all {
		point := metricdata.HistogramDataPoint[float64]{
			Attributes: s.attributes, StartTime: h.start, Time: now, Bounds: bounds, BucketCounts: counts[:width:width],
		}
		if s.collect(&point); point.Count > 0 {
			points, counts = append(points, point), counts[width:]
		}
	}
	return metricdata.Histogram[float64]{Temporality: metricdata.CumulativeTemporality, DataPoints: points}, len(points) > 0
}
