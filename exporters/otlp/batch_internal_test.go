package otlp

import (
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/sdk/instrumentation"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/metric/metricdata/metricdatatest"
	"go.opentelemetry.io/otel/sdk/resource"
)

func TestSplitBatchesKeepsEveryPoint(t *testing.T) {
	t.Parallel()
	const delta = metricdata.DeltaTemporality
	kinds := []metricdata.Aggregation{
		metricdata.Gauge[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3)},
		metricdata.Gauge[float64]{DataPoints: make([]metricdata.DataPoint[float64], 3)},
		metricdata.Sum[int64]{DataPoints: make([]metricdata.DataPoint[int64], 3), Temporality: delta, IsMonotonic: true},
		metricdata.Sum[float64]{DataPoints: make([]metricdata.DataPoint[float64], 3), Temporality: delta, IsMonotonic: true},
		metricdata.Histogram[int64]{DataPoints: make([]metricdata.HistogramDataPoint[int64], 3), Temporality: delta},
		metricdata.Histogram[float64]{DataPoints: make([]metricdata.HistogramDataPoint[float64], 3), Temporality: delta},
		metricdata.ExponentialHistogram[int64]{DataPoints: make([]metricdata.ExponentialHistogramDataPoint[int64], 3), Temporality: delta},
		metricdata.ExponentialHistogram[float64]{DataPoints: make([]metricdata.ExponentialHistogramDataPoint[float64], 3), Temporality: delta},
		metricdata.Summary{DataPoints: make([]metricdata.SummaryDataPoint, 3)},
	}
	all := &metricdata.ResourceMetrics{Resource: resource.Empty()}
	for i, data := range kinds {
		scope := instrumentation.Scope{Name: fmt.Sprint(i / 2)} // two metrics a scope
		if i%2 == 0 {
			all.ScopeMetrics = append(all.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope})
		}
		last := &all.ScopeMetrics[len(all.ScopeMetrics)-1]
		last.Metrics = append(last.Metrics, metricdata.Metrics{Name: fmt.Sprint(i), Description: "d", Unit: "u", Data: data})
	}

	for size, want := range map[int]int{1: 27, 2: 14, 3: 9, 4: 7, 26: 2, 27: 1, 1000: 1} {
		batches := splitBatches(all, size)
		if len(batches) != want {
			t.Errorf("size %d: %d batches: want %d", size, len(batches), want)
		}
		for i, batch := range batches {
			if n := pointsOf(batch); n > size || n < size && i < len(batches)-1 || batch.Resource != all.Resource {
				t.Errorf("size %d: batch %d has %d points and resource %v", size, i, n, batch.Resource)
			}
		}
		if got := joinBatches(batches); !metricdatatest.AssertEqual(t, *all, *got) {
			t.Errorf("size %d: the batches together are not what was collected", size)
		}
	}
	if batches := splitBatches(&metricdata.ResourceMetrics{}, 5); len(batches) != 1 || len(batches[0].ScopeMetrics) != 0 {
		t.Errorf("nothing collected: %d batches: want an empty one", len(batches))
	}
}

func pointsOf(rm *metricdata.ResourceMetrics) (n int) {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			points, _ := dataPoints(m.Data)
			n += points
		}
	}
	return n
}

// joinBatches puts batches together again.
func joinBatches(batches []*metricdata.ResourceMetrics) *metricdata.ResourceMetrics {
	joined := &metricdata.ResourceMetrics{Resource: batches[0].Resource}
	for _, batch := range batches {
		for _, scope := range batch.ScopeMetrics {
			if n := len(joined.ScopeMetrics); n == 0 || joined.ScopeMetrics[n-1].Scope != scope.Scope {
				joined.ScopeMetrics = append(joined.ScopeMetrics, metricdata.ScopeMetrics{Scope: scope.Scope})
			}
			last := &joined.ScopeMetrics[len(joined.ScopeMetrics)-1]
			for _, m := range scope.Metrics {
				if n := len(last.Metrics); n > 0 && last.Metrics[n-1].Name == m.Name {
					last.Metrics[n-1].Data = joinPoints(last.Metrics[n-1].Data, m.Data)
				} else {
					last.Metrics = append(last.Metrics, m)
				}
			}
		}
	}
	return joined
}

func joinPoints(a, b metricdata.Aggregation) metricdata.Aggregation {
	switch a := a.(type) {
	case metricdata.Gauge[int64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Gauge[int64]).DataPoints)
		return a
	case metricdata.Gauge[float64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Gauge[float64]).DataPoints)
		return a
	case metricdata.Sum[int64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Sum[int64]).DataPoints)
		return a
	case metricdata.Sum[float64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Sum[float64]).DataPoints)
		return a
	case metricdata.Histogram[int64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Histogram[int64]).DataPoints)
		return a
	case metricdata.Histogram[float64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Histogram[float64]).DataPoints)
		return a
	case metricdata.ExponentialHistogram[int64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.ExponentialHistogram[int64]).DataPoints)
		return a
	case metricdata.ExponentialHistogram[float64]:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.ExponentialHistogram[float64]).DataPoints)
		return a
	case metricdata.Summary:
		a.DataPoints = slices.Concat(a.DataPoints, b.(metricdata.Summary).DataPoints)
		return a
	}
	return a
}
