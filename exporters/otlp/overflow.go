package otlp

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// overflowKey is the only attribute of the series that the SDK folds others
// into, when an instrument has more than its cardinality limit.
const overflowKey attribute.Key = "otel.metric.overflow"

// watcher reports an instrument whose series the SDK folds, once: nothing else
// tells the program that they are lost. Export is not called concurrently.
type watcher struct {
	sdkmetric.Exporter
	reported map[instrument]bool
}

type instrument struct{ scope, name string }

func watch(exporter sdkmetric.Exporter) *watcher {
	return &watcher{Exporter: exporter, reported: make(map[instrument]bool)}
}

// Export looks at what is sent, and sends it.
func (w *watcher) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			in := instrument{scope.Scope.Name, m.Name}
			if overflows(m.Data) && !w.reported[in] {
				w.reported[in] = true
				otel.Handle(fmt.Errorf("otlp: %q of %q has more series than the SDK keeps apart, the rest is in one with the "+
					"attribute %s: raise the limit with sdkmetric.WithCardinalityLimit", in.name, in.scope, overflowKey))
			}
		}
	}
	return w.Exporter.Export(ctx, rm)
}

// overflows reports whether one of the data points is that of the folded series.
func overflows(data metricdata.Aggregation) bool {
	switch data := data.(type) {
	case metricdata.Gauge[int64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.DataPoint[int64]) *attribute.Set { return &p.Attributes })
	case metricdata.Gauge[float64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.DataPoint[float64]) *attribute.Set { return &p.Attributes })
	case metricdata.Sum[int64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.DataPoint[int64]) *attribute.Set { return &p.Attributes })
	case metricdata.Sum[float64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.DataPoint[float64]) *attribute.Set { return &p.Attributes })
	case metricdata.Histogram[int64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.HistogramDataPoint[int64]) *attribute.Set { return &p.Attributes })
	case metricdata.Histogram[float64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.HistogramDataPoint[float64]) *attribute.Set { return &p.Attributes })
	case metricdata.ExponentialHistogram[int64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.ExponentialHistogramDataPoint[int64]) *attribute.Set { return &p.Attributes })
	case metricdata.ExponentialHistogram[float64]:
		return anyOverflow(data.DataPoints, func(p *metricdata.ExponentialHistogramDataPoint[float64]) *attribute.Set { return &p.Attributes })
	}
	return false
}

func anyOverflow[P any](points []P, attributes func(*P) *attribute.Set) bool {
	for i := range points {
		if set := attributes(&points[i]); set.Len() == 1 && set.HasValue(overflowKey) {
			return true
		}
	}
	return false
}
