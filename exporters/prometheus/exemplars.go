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

// fitExemplars returns scopes with exemplars that every scraper can read. For the sake of one that it cannot convert the
// official exporter leaves out all exemplars of a series and says so to the SDK's global error handler at each scrape,
// and because of a NUL in one that it does convert Prometheus refuses the whole page. What is changed is a copy: the SDK
// or a producer has the original.
func fitExemplars(scopes []metricdata.ScopeMetrics) []metricdata.ScopeMetrics {
	fitted, _ := edit(scopes, func(scope metricdata.ScopeMetrics) (_ metricdata.ScopeMetrics, changed bool) {
		scope.Metrics, changed = edit(scope.Metrics, func(m metricdata.Metrics) (_ metricdata.Metrics, changed bool) {
			m.Data, changed = fitData(m.Data)
			return m, changed
		})
		return scope, changed
	})
	return fitted
}

// edit returns what f makes of the elements of s, in a copy if f changes any.
func edit[T any](s []T, f func(T) (fitted T, changed bool)) (edited []T, changed bool) {
	for i := range s {
		fitted, differs := f(s[i])
		if !differs {
			continue
		}
		if !changed {
			s, changed = slices.Clone(s), true
		}
		s[i] = fitted
	}
	return s, changed
}

// fitData fits the exemplars of what the official exporter shows with exemplars.
func fitData(data metricdata.Aggregation) (fitted metricdata.Aggregation, changed bool) {
	switch d := data.(type) {
	case metricdata.Sum[int64]:
		if d.DataPoints, changed = fitSum(d); changed {
			return d, true
		}
	case metricdata.Sum[float64]:
		if d.DataPoints, changed = fitSum(d); changed {
			return d, true
		}
	case metricdata.Histogram[int64]:
		if d.DataPoints, changed = fitHistogram(d); changed {
			return d, true
		}
	case metricdata.Histogram[float64]:
		if d.DataPoints, changed = fitHistogram(d); changed {
			return d, true
		}
	case metricdata.ExponentialHistogram[int64]:
		if d.DataPoints, changed = fitExponential(d); changed {
			return d, true
		}
	case metricdata.ExponentialHistogram[float64]:
		if d.DataPoints, changed = fitExponential(d); changed {
			return d, true
		}
	}
	return data, false
}

func fitSum[N number](sum metricdata.Sum[N]) (points []metricdata.DataPoint[N], changed bool) {
	if !sum.IsMonotonic {
		return sum.DataPoints, false // It becomes a gauge, which has no exemplars.
	}
	return fitPoints(sum.DataPoints, func(p *metricdata.DataPoint[N]) *[]metricdata.Exemplar[N] { return &p.Exemplars })
}

func fitHistogram[N number](h metricdata.Histogram[N]) (points []metricdata.HistogramDataPoint[N], changed bool) {
	return fitPoints(h.DataPoints, func(p *metricdata.HistogramDataPoint[N]) *[]metricdata.Exemplar[N] { return &p.Exemplars })
}

func fitExponential[N number](
	h metricdata.ExponentialHistogram[N],
) (points []metricdata.ExponentialHistogramDataPoint[N], changed bool) {
	return fitPoints(h.DataPoints,
		func(p *metricdata.ExponentialHistogramDataPoint[N]) *[]metricdata.Exemplar[N] { return &p.Exemplars })
}

// fitPoints is edit for data points, which are too large to be handed about without need.
func fitPoints[P any, N number](
	points []P, exemplarsOf func(*P) *[]metricdata.Exemplar[N],
) (fitted []P, changed bool) {
	for i := range points {
		exemplars, differ := fitList(*exemplarsOf(&points[i]))
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

// fitList fits the exemplars of one data point and leaves out those that cannot be, which only a producer can make.
func fitList[N number](exemplars []metricdata.Exemplar[N]) (fitted []metricdata.Exemplar[N], changed bool) {
	if slices.ContainsFunc(exemplars, func(e metricdata.Exemplar[N]) bool { return !presentable(&e) }) {
		exemplars = slices.DeleteFunc(slices.Clone(exemplars), func(e metricdata.Exemplar[N]) bool { return !presentable(&e) })
		changed = true
	}
	fitted, edited := edit(exemplars, func(e metricdata.Exemplar[N]) (_ metricdata.Exemplar[N], changed bool) {
		e.FilteredAttributes, changed = fitAttributes(e.FilteredAttributes, room(&e))
		return e, changed
	})
	return fitted, changed || edited
}

// presentable tells whether e can be converted when it has no attributes.
func presentable[N number](e *metricdata.Exemplar[N]) bool {
	year := e.Time.UTC().Year() // of those that protobuf has
	return room(e) >= 0 && year >= 1 && year <= 9999
}

// room returns how many runes the trace and the span leave to the other labels of e. Their labels are there even when
// they are empty.
func room[N number](e *metricdata.Exemplar[N]) int {
	return prometheus.ExemplarMaxRunes - len("trace_id") - 2*len(e.TraceID) - len("span_id") - 2*len(e.SpanID)
}

// fitAttributes returns those of attrs that can be labels and for which there is room, with legible values.
func fitAttributes(attrs []attribute.KeyValue, room int) (fitted []attribute.KeyValue, changed bool) {
	for i, attr := range attrs {
		value := attr.Value.String()
		readable := legible(value)
		runes := nameRunes(string(attr.Key)) + utf8.RuneCountInString(readable)
		fits := runes <= room && isName(string(attr.Key))
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

// legible returns value without bytes that are not UTF-8, which the official exporter refuses, and without NUL, which
// Prometheus does not allow in an exemplar's label.
func legible(value string) string {
	return strings.ReplaceAll(strings.ToValidUTF8(value, "\uFFFD"), "\x00", "\uFFFD")
}

// nameRunes returns how many runes the label of key has in its name, at most.
func nameRunes(key string) int {
	runes := utf8.RuneCountInString(key)
	if key != "" && '0' <= key[0] && key[0] <= '9' {
		runes += len("key_") // No name begins with a digit.
	}
	return runes
}

// isName tells whether the translation of key can be the name of a label: it must not be of underscores alone, and those
// in two underscores on either side are reserved.
func isName(key string) bool {
	reserved := strings.HasPrefix(key, "__") && strings.HasSuffix(key, "__")
	return !reserved && strings.ContainsFunc(key, func(r rune) bool {
		return 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
	})
}
