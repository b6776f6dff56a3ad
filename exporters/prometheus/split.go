package prometheus

import (
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// split separates the pool metrics, by index in instruments, from all others. A metric that a View renamed, or whose
// type a View changed, counts as one of the others.
func split(scopes []metricdata.ScopeMetrics) (pools [][]metricdata.Metrics, others []metricdata.ScopeMetrics) {
	pools = make([][]metricdata.Metrics, len(instruments))
	for _, scope := range scopes {
		if scope.Scope.Name != catalogue.ScopeName {
			others = append(others, scope)
			continue
		}
		var rest []metricdata.Metrics
		for _, metrics := range scope.Metrics {
			i, known := instrumentIndex[metrics.Name]
			if !known || instruments[i].kind != prometheusType(metrics.Data) {
				rest = append(rest, metrics)
				continue
			}
			pools[i] = append(pools[i], metrics)
		}
		if len(rest) > 0 {
			others = append(others, metricdata.ScopeMetrics{Scope: scope.Scope, Metrics: rest})
		}
	}
	return pools, others
}

// prometheusType returns the exposition type of data, as catalogue.Kind.PrometheusType does.
func prometheusType(data metricdata.Aggregation) string {
	switch d := data.(type) {
	case metricdata.Gauge[int64], metricdata.Gauge[float64]:
		return "gauge"
	case metricdata.Sum[int64]:
		return sumType(d.IsMonotonic)
	case metricdata.Sum[float64]:
		return sumType(d.IsMonotonic)
	case metricdata.Histogram[int64], metricdata.Histogram[float64],
		metricdata.ExponentialHistogram[int64], metricdata.ExponentialHistogram[float64]:
		return "histogram"
	default:
		return "untyped"
	}
}

func sumType(monotonic bool) string {
	if monotonic {
		return "counter"
	}
	return "gauge"
}
