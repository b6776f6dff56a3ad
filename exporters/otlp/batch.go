package otlp

import "go.opentelemetry.io/otel/sdk/metric/metricdata"

// splitBatches splits collected into parts of at most size data points, in their order. The parts share the memory of
// collected. There is at least one, which is empty if collected is.
func splitBatches(collected *metricdata.ResourceMetrics, size int) []*metricdata.ResourceMetrics {
	b := batcher{size: size, batches: []*metricdata.ResourceMetrics{{Resource: collected.Resource}}}
	for _, scope := range collected.ScopeMetrics {
		b.addScope(scope)
	}
	return b.batches
}

// batcher fills batches, the last of which has points data points.
type batcher struct {
	size    int
	points  int
	batches []*metricdata.ResourceMetrics
}

func (b *batcher) addScope(scope metricdata.ScopeMetrics) {
	started := false // whether the current batch has a part of this scope
	for _, m := range scope.Metrics {
		total, part := dataPoints(m.Data)
		for from := 0; from < total; {
			if b.points == b.size {
				b.batches = append(b.batches, &metricdata.ResourceMetrics{Resource: b.batches[0].Resource})
				b.points, started = 0, false
			}
			batch := b.batches[len(b.batches)-1]
			if !started {
				batch.ScopeMetrics = append(batch.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope.Scope})
				started = true
			}
			n := min(total-from, b.size-b.points)
			m.Data = part(from, from+n)
			last := &batch.ScopeMetrics[len(batch.ScopeMetrics)-1]
			last.Metrics = append(last.Metrics, m)
			from += n
			b.points += n
		}
	}
}

// dataPoints returns the number of data points of data, and a function that returns some of them as an aggregation of
// the same kind. Data of an unknown type counts as one.
func dataPoints(data metricdata.Aggregation) (n int, part func(from, to int) metricdata.Aggregation) {
	switch d := data.(type) {
	case metricdata.Gauge[int64]:
		return len(d.DataPoints), func(from, to int) metricdata.Aggregation {
			return metricdata.Gauge[int64]{DataPoints: d.DataPoints[from:to]}
		}
	case metricdata.Gauge[float64]:
		return len(d.DataPoints), func(from, to int) metricdata.Aggregation {
			return metricdata.Gauge[float64]{DataPoints: d.DataPoints[from:to]}
		}
	case metricdata.Sum[int64]:
		return sumPoints(d)
	case metricdata.Sum[float64]:
		return sumPoints(d)
	case metricdata.Histogram[int64]:
		return histogramPoints(d)
	case metricdata.Histogram[float64]:
		return histogramPoints(d)
	case metricdata.ExponentialHistogram[int64]:
		return exponentialPoints(d)
	case metricdata.ExponentialHistogram[float64]:
		return exponentialPoints(d)
	case metricdata.Summary:
		return len(d.DataPoints), func(from, to int) metricdata.Aggregation {
			return metricdata.Summary{DataPoints: d.DataPoints[from:to]}
		}
	default:
		return 1, func(int, int) metricdata.Aggregation { return data }
	}
}

func sumPoints[N int64 | float64](d metricdata.Sum[N]) (int, func(from, to int) metricdata.Aggregation) {
	return len(d.DataPoints), func(from, to int) metricdata.Aggregation {
		return metricdata.Sum[N]{DataPoints: d.DataPoints[from:to], Temporality: d.Temporality, IsMonotonic: d.IsMonotonic}
	}
}

func histogramPoints[N int64 | float64](d metricdata.Histogram[N]) (int, func(from, to int) metricdata.Aggregation) {
	return len(d.DataPoints), func(from, to int) metricdata.Aggregation {
		return metricdata.Histogram[N]{DataPoints: d.DataPoints[from:to], Temporality: d.Temporality}
	}
}

func exponentialPoints[N int64 | float64](d metricdata.ExponentialHistogram[N]) (int, func(from, to int) metricdata.Aggregation) {
	return len(d.DataPoints), func(from, to int) metricdata.Aggregation {
		return metricdata.ExponentialHistogram[N]{DataPoints: d.DataPoints[from:to], Temporality: d.Temporality}
	}
}
