package display

import (
	"math"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// Metrics are gathered metrics by name.
type Metrics map[string]*dto.MetricFamily

// Gather gathers metrics. With an error it may still return a part of them.
func Gather(from prometheus.Gatherer) (Metrics, error) {
	families, err := from.Gather()
	m := Metrics{}
	for _, family := range families {
		m[family.GetName()] = family
	}
	return m, err
}

// Sum returns the sum of the series of a gauge or a counter.
func (m Metrics) Sum(name string) (sum float64) {
	for _, series := range m[name].GetMetric() {
		sum += series.GetGauge().GetValue() + series.GetCounter().GetValue()
	}
	return sum
}

// Histogram returns the sum of the series of a histogram.
func (m Metrics) Histogram(name string) (h Histogram) {
	for _, series := range m[name].GetMetric() {
		h.Add(series.GetHistogram())
	}
	return h
}

// CountBy returns the counts of a counter or a histogram, by the values of a label. It omits series without the label.
func (m Metrics) CountBy(name, label string) map[string]int {
	counts := map[string]int{}
	for _, series := range m[name].GetMetric() {
		for _, l := range series.GetLabel() {
			if l.GetName() == label {
				counts[l.GetValue()] += int(series.GetCounter().GetValue()) + int(series.GetHistogram().GetSampleCount())
			}
		}
	}
	return counts
}

// Add adds a series, which must have the same buckets as the series before.
func (h *Histogram) Add(series *dto.Histogram) {
	first := len(h.UpTo) == 0
	for i, bucket := range series.GetBucket() {
		if math.IsInf(bucket.GetUpperBound(), 1) {
			break
		}
		if first {
			h.Bounds, h.UpTo = append(h.Bounds, bucket.GetUpperBound()), append(h.UpTo, 0)
		}
		h.UpTo[i] += bucket.GetCumulativeCount()
	}
	h.Count += series.GetSampleCount()
	h.Sum += series.GetSampleSum()
}
