package otlp

import (
	"context"
	"fmt"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// overflowKey is the only attribute of the series into which the SDK adds up all series above the cardinality limit.
const overflowKey attribute.Key = "otel.metric.overflow"

// overflowReporter reports each instrument whose series overflow, once. The SDK itself does not report it. Export is
// not called concurrently.
type overflowReporter struct {
	sdkmetric.Exporter
	reported map[instrument]bool
}

type instrument struct{ scope, name string }

func newOverflowReporter(exporter sdkmetric.Exporter) *overflowReporter {
	return &overflowReporter{Exporter: exporter, reported: make(map[instrument]bool)}
}

// Export reports the overflows in rm and exports it.
func (w *overflowReporter) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			in := instrument{scope.Scope.Name, m.Name}
			if hasOverflow(m.Data) && !w.reported[in] {
				w.reported[in] = true
				otel.Handle(fmt.Errorf("otlp: %q of %q has more series than the SDK keeps apart, the rest are one series with the "+
					"attribute %s: raise the limit with sdkmetric.WithCardinalityLimit", in.name, in.scope, overflowKey))
			}
		}
	}
	return w.Exporter.Export(ctx, rm)
}

// hasOverflow reports whether data contains the point of the overflow series.
func hasOverflow(data metricdata.Aggregation) bool {
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
