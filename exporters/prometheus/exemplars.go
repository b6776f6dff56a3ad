package prometheus

import (
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// number is the type of an instrument's values.
type number interface{ int64 | float64 }

// sanitizeExemplars returns scopes with exemplars that every scraper can read. If one exemplar cannot be converted, the
// official exporter omits all exemplars of the series and reports an error at each scrape. A NUL in an exemplar makes
// Prometheus reject the whole page. Changes are made in a copy: the original belongs to the SDK or a producer.
func sanitizeExemplars(scopes []metricdata.ScopeMetrics) []metricdata.ScopeMetrics {
	fitted, _ := mapChanged(scopes, func(scope metricdata.ScopeMetrics) (_ metricdata.ScopeMetrics, changed bool) {
		scope.Metrics, changed = mapChanged(scope.Metrics, func(m metricdata.Metrics) (_ metricdata.Metrics, changed bool) {
			m.Data, changed = sanitizeData(m.Data)
			return m, changed
		})
		return scope, changed
	})
	return fitted
}

// mapChanged returns the results of f for the elements of s. It copies s if f changes any of them.
func mapChanged[T any](s []T, f func(T) (result T, changed bool)) (results []T, changed bool) {
	for i := range s {
		result, differs := f(s[i])
		if !differs {
			continue
		}
		if !changed {
			s, changed = slices.Clone(s), true
		}
		s[i] = result
	}
	return s, changed
}

// sanitizeData sanitizes the exemplars of data, except those of gauges, which no page shows.
func sanitizeData(data metricdata.Aggregation) (fitted metricdata.Aggregation, changed bool) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		if d.DataPoints, changed = sanitizePoints(d.DataPoints, ofPoint); changed {
			return d, true
		}
	case metricdata.Sum[float64]:
		if d.DataPoints, changed = sanitizePoints(d.DataPoints, ofPoint); changed {
			return d, true
		}
	case metricdata.Histogram[int64]:
		if d.DataPoints, changed = sanitizePoints(d.DataPoints, ofHistogram); changed {
			return d, true
		}
	case metricdata.Histogram[float64]:
		if d.DataPoints, changed = sanitizePoints(d.DataPoints, ofHistogram); changed {
			return d, true
		}
	case metricdata.ExponentialHistogram[int64]:
		if d.DataPoints, changed = sanitizePoints(d.DataPoints, ofExponential); changed {
			return d, true
		}
	case metricdata.ExponentialHistogram[float64]:
		if d.DataPoints, changed = sanitizePoints(d.DataPoints, ofExponential); changed {
			return d, true
		}
	}
	return data, false
}

func ofPoint[N number](p *metricdata.DataPoint[N]) *[]metricdata.Exemplar[N] { return &p.Exemplars }

func ofHistogram[N number](p *metricdata.HistogramDataPoint[N]) *[]metricdata.Exemplar[N] {
	return &p.Exemplars
}

func ofExponential[N number](p *metricdata.ExponentialHistogramDataPoint[N]) *[]metricdata.Exemplar[N] {
	return &p.Exemplars
}

// sanitizePoints is mapChanged for data points, which are too large to pass by value.
func sanitizePoints[P any, N number](
	points []P, exemplarsOf func(*P) *[]metricdata.Exemplar[N],
) (fitted []P, changed bool) {
	for i := range points {
		exemplars, differ := sanitizeList(*exemplarsOf(&points[i]))
		if !differ {
			continue
		}
		if !changed {
			points, changed = slices.Clone(points), true
		}
		*exemplarsOf(&points[i]) = exemplars
	}
	return points, changed
}

// sanitizeList sanitizes the exemplars of one data point. It omits those that cannot be converted, which only producers
// create.
func sanitizeList[N number](exemplars []metricdata.Exemplar[N]) (fitted []metricdata.Exemplar[N], changed bool) {
	if slices.ContainsFunc(exemplars, func(e metricdata.Exemplar[N]) bool { return !convertible(&e) }) {
		exemplars = slices.DeleteFunc(slices.Clone(exemplars), func(e metricdata.Exemplar[N]) bool { return !convertible(&e) })
		changed = true
	}
	fitted, edited := mapChanged(exemplars, func(e metricdata.Exemplar[N]) (_ metricdata.Exemplar[N], changed bool) {
		e.FilteredAttributes, changed = sanitizeAttributes(e.FilteredAttributes, remainingRunes(&e))
		return e, changed
	})
	return fitted, changed || edited
}

// convertible reports whether e can be converted without its attributes.
func convertible[N number](e *metricdata.Exemplar[N]) bool {
	year := e.Time.UTC().Year() // protobuf allows 1 to 9999
	return remainingRunes(e) >= 0 && year >= 1 && year <= 9999
}

// remainingRunes returns the number of runes for labels of e besides the trace and the span. Those two labels exist
// even when they are empty.
func remainingRunes[N number](e *metricdata.Exemplar[N]) int {
	return prometheus.ExemplarMaxRunes - len("trace_id") - 2*len(e.TraceID) - len("span_id") - 2*len(e.SpanID)
}

// sanitizeAttributes returns the attributes that are valid labels and fit within room runes, with valid values.
func sanitizeAttributes(attrs []attribute.KeyValue, room int) (fitted []attribute.KeyValue, changed bool) {
	for i, attr := range attrs {
		value := attr.Value.String()
		readable := validText(value)
		runes := labelNameRunes(string(attr.Key)) + utf8.RuneCountInString(readable)
		fits := runes <= room && isLabelName(string(attr.Key))
		if !changed && (!fits || readable != value) {
			fitted, changed = slices.Clone(attrs[:i]), true
		}
		if !fits {
			continue
		}
		room -= runes
		if readable != value {
			attr.Value = attribute.StringValue(readable)
		}
		if changed {
			fitted = append(fitted, attr)
		}
	}
	if !changed {
		return attrs, false
	}
	return fitted, true
}

// validText replaces invalid UTF-8, which the official exporter rejects, and NUL, which Prometheus rejects in an
// exemplar.
func validText(value string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "\uFFFD")
}

// labelNameRunes returns the maximum number of runes in the label name of key.
func labelNameRunes(key string) int {
	runes := utf8.RuneCountInString(key)
	if key != "" && '0' <= key[0] && key[0] <= '9' {
		runes += len("key_") // A label name does not begin with a digit.
	}
	return runes
}

// isLabelName reports whether the translation of key is a valid label name: it has more than underscores, and it does
// not both begin and end with two underscores, which is reserved.
func isLabelName(key string) bool {
	reserved := strings.HasPrefix(key, "__") && strings.HasSuffix(key, "__")
	return !reserved && strings.ContainsFunc(key, func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	})
}
