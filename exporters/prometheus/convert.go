package prometheus

import (
	"encoding/hex"
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// conversion converts the metrics of one instrument as the official exporter does, but at a fraction of the cost: it
// shares labels with other instruments and gatherings, and allocates the values of all series together.
type conversion struct {
	*labelCache
	name     string
	series   []convertedSeries
	overflow bool
	errs     []error
}

// convertedSeries is a series whose metric has no labels before it is in a family.
type convertedSeries struct {
	metric *dto.Metric
	labels *labelSet
}

// add converts data. It returns false for an exponential histogram, which it leaves to the official exporter.
func (c *conversion) add(data metricdata.Aggregation) bool {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		addPoints(c, d.DataPoints, false)
	case metricdata.Gauge[float64]:
		addPoints(c, d.DataPoints, false)
	case metricdata.Sum[int64]:
		addPoints(c, d.DataPoints, d.IsMonotonic)
	case metricdata.Sum[float64]:
		addPoints(c, d.DataPoints, d.IsMonotonic)
	case metricdata.Histogram[int64]:
		addHistograms(c, d.DataPoints)
	case metricdata.Histogram[float64]:
		addHistograms(c, d.DataPoints)
	default:
		return false
	}
	return true
}

// addPoints adds gauges, or counters if monotonic is true.
func addPoints[N number](c *conversion, points []metricdata.DataPoint[N], monotonic bool) {
	series := make([]struct {
		dto.Metric
		gauge   dto.Gauge
		counter dto.Counter
		value   float64
	}, len(points))
	for i := range points {
		s := &series[i]
		s.value = float64(points[i].Value)
		if monotonic {
			s.counter.Value, s.Counter = &s.value, &s.counter
			addExemplars(c, &s.Metric, points[i].Exemplars)
		} else {
			s.gauge.Value, s.Gauge = &s.value, &s.gauge
		}
		c.addSeries(&s.Metric, c.labels(&points[i].Attributes))
	}
}

func addHistograms[N number](c *conversion, points []metricdata.HistogramDataPoint[N]) {
	series := make([]struct {
		dto.Metric
		histogram dto.Histogram
		count     uint64
		sum       float64
	}, len(points))
	for i := range points {
		s, point, n := &series[i], &points[i], len(points[i].Bounds)
		if len(point.BucketCounts) < n {
			c.fail(fmt.Errorf("a histogram has %d bounds and %d buckets", n, len(point.BucketCounts)))
			continue
		}
		s.count, s.sum = point.Count, float64(point.Sum)
		s.histogram.SampleCount, s.histogram.SampleSum, s.histogram.Bucket = &s.count, &s.sum, make([]*dto.Bucket, n)
		s.Histogram = &s.histogram
		buckets := make([]struct {
			dto.Bucket
			count uint64
			bound float64
		}, n)
		cumulative := uint64(0)
		for j := range buckets {
			cumulative += point.BucketCounts[j]
			b := &buckets[j]
			b.count, b.bound = cumulative, point.Bounds[j]
			b.CumulativeCount, b.UpperBound = &b.count, &b.bound
			s.histogram.Bucket[j] = &b.Bucket
		}
		addExemplars(c, &s.Metric, point.Exemplars)
		c.addSeries(&s.Metric, c.labels(&point.Attributes))
	}
}

// addSeries adds a series. It omits a series without a label set, which has an attribute that cannot be a label.
func (c *conversion) addSeries(m *dto.Metric, labels *labelSet) {
	if labels == nil {
		return
	}
	c.overflow = c.overflow || labels.overflow
	m.Label = nil
	c.series = append(c.series, convertedSeries{m, labels})
}

// family returns a family of the series for which labels does not return nil.
func (c *conversion) family(name, help, kind string, labels func(*labelSet) []*dto.LabelPair) *dto.MetricFamily {
	metricType := dto.MetricType(dto.MetricType_value[strings.ToUpper(kind)])
	family := &dto.MetricFamily{Name: &name, Help: &help, Type: &metricType, Metric: make([]*dto.Metric, 0, len(c.series))}
	for _, s := range c.series {
		chosen, m := labels(s.labels), s.metric
		if chosen == nil {
			continue
		}
		if m.Label != nil { // it is in another family
			m = &dto.Metric{}
			copyMetric(m, s.metric)
		}
		m.Label = chosen
		family.Metric = append(family.Metric, m)
	}
	return family
}

// labels returns the labels of attrs, or nil if the official exporter rejects them.
func (c *conversion) labels(attrs *attribute.Set) *labelSet {
	key := attrs.Equivalent()
	set := c.sets[key]
	if set == nil {
		if set = c.last[key]; set == nil {
			labels, err := translateLabels(attrs)
			if err != nil {
				c.fail(err)
				return nil
			}
			set = newLabelSet(labels, c.resource)
		}
		c.sets[key] = set
	}
	return set
}

func (c *conversion) fail(err error) {
	c.errs = append(c.errs, fmt.Errorf("prometheus: convert %q: %w", c.name, err))
}

// addExemplars adds sanitized exemplars to m.
func addExemplars[N number](c *conversion, m *dto.Metric, exemplars []metricdata.Exemplar[N]) {
	if len(exemplars) == 0 {
		return
	}
	converted := make([]prometheus.Exemplar, len(exemplars))
	for i, e := range exemplars {
		labels := prometheus.Labels{}
		for _, attr := range e.FilteredAttributes {
			name, _ := labelNamer.Build(string(attr.Key)) // NewMetricWithExemplars rejects an invalid name
			labels[name] = attr.Value.String()
		}
		labels[otlptranslator.ExemplarTraceIDKey] = hex.EncodeToString(e.TraceID)
		labels[otlptranslator.ExemplarSpanIDKey] = hex.EncodeToString(e.SpanID)
		converted[i] = prometheus.Exemplar{Value: float64(e.Value), Timestamp: e.Time, Labels: labels}
	}
	with, err := prometheus.NewMetricWithExemplars(series{metric: m}, converted...)
	if err != nil {
		c.fail(err)
		return
	}
	_ = with.Write(m) // never fails for a counter or a histogram
}
