package otelpooltest

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

const (
	connectErrors = "pgxpool.connections.errors" // the only pool counter that has no series before its first value
	acquires      = "pgxpool.acquires"           // has series when a pool with hooks is registered
	size          = "pgxpool.size"               // has series when any pool is registered
)

// Value returns the value of a counter or gauge by its OpenTelemetry name, such as "db.client.connection.timeouts" or
// "pgxpool.peak"; times are in seconds. Attributes restrict it to the series that have all of them, such as
// attribute.String("result", "ok") for "pgxpool.acquires". The series of a counter, or of an up-down counter such as
// "db.client.connection.count", are added up. A gauge must have one series, because a sum of gauges has no meaning.
//
// If there is no such metric or series, or if it is a histogram, the test fails with a list of the existing ones. The
// value is then NaN, which equals nothing, so that a wrong name does not pass for 0. Pools report their counters and
// gauges from registration until Unregister; other instruments report only once they have a value.
//
// The connections that pgx counts as used may include one that was just released.
func (r *Recorder) Value(name string, attributes ...attribute.KeyValue) float64 {
	r.t.Helper()
	all := r.metrics(func(string) bool { return true })
	value, err := total(all[name], attributes)
	if err != nil && name == connectErrors { // 0 if the pool exists
		_, err = total(all[acquires], slices.DeleteFunc(slices.Clone(attributes), func(kv attribute.KeyValue) bool {
			return kv.Key == semconv.ErrorTypeKey
		}))
	}
	if err != nil {
		if len(all[name]) == 0 && (name != connectErrors || len(all[acquires]) == 0) {
			err = fmt.Errorf("no such metric; the metrics are:%s", list(slices.Sorted(maps.Keys(all))))
		}
		if len(all[size]) == 0 {
			err = fmt.Errorf("%w\nno pool is currently registered with the Recorder", err)
		}
		r.t.Errorf("otelpooltest: value of %s: %v", name, err)
		return math.NaN()
	}
	return value
}

// series is one series of a counter or a gauge.
type series struct {
	set   attribute.Set
	value float64
}

// total adds up the series that have the attributes.
func total(of []metricdata.Aggregation, attributes []attribute.KeyValue) (float64, error) {
	var all, matching []series
	gauge := false
	for _, data := range of {
		s, isGauge, err := seriesOf(data)
		if err != nil {
			return 0, err
		}
		all = append(all, s...)
		gauge = gauge || isGauge
	}
	var sum float64
	for _, s := range all {
		if s.has(attributes) {
			matching = append(matching, s)
			sum += s.value
		}
	}
	if len(matching) == 0 {
		return 0, fmt.Errorf("no series has %s; the series are:%s", encode(attribute.NewSet(slices.Clone(attributes)...)), list(all))
	}
	if gauge && len(matching) > 1 {
		return 0, fmt.Errorf("it is a gauge: want attributes that select one of these series:%s", list(matching))
	}
	return sum, nil
}

func seriesOf(data metricdata.Aggregation) (s []series, gauge bool, err error) {
	switch data := data.(type) {
	case metricdata.Sum[int64]:
		return points(data.DataPoints), false, nil
	case metricdata.Sum[float64]:
		return points(data.DataPoints), false, nil
	case metricdata.Gauge[int64]:
		return points(data.DataPoints), true, nil
	case metricdata.Gauge[float64]:
		return points(data.DataPoints), true, nil
	}
	return nil, false, errors.New("it is a histogram: use Operations or Duration for that of operations, else Collect")
}

func points[N int64 | float64](points []metricdata.DataPoint[N]) []series {
	var all []series
	for _, p := range points {
		all = append(all, series{p.Attributes, float64(p.Value)})
	}
	return all
}

func (s series) has(attributes []attribute.KeyValue) bool {
	return !slices.ContainsFunc(attributes, func(want attribute.KeyValue) bool {
		got, ok := s.set.Value(want.Key)
		return !ok || got.String() != want.Value.String()
	})
}

func (s series) String() string {
	return fmt.Sprintf("%s %v", encode(s.set), s.value)
}

func encode(set attribute.Set) string {
	return "{" + set.Encoded(attribute.DefaultEncoder()) + "}"
}

// list returns one line for each item.
func list[T any](things []T) string {
	if len(things) == 0 {
		return " none"
	}
	var b strings.Builder
	for _, thing := range things {
		fmt.Fprintf(&b, "\n  %v", thing)
	}
	return b.String()
}
