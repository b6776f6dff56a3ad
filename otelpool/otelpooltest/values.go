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
	connectErrors = "pgxpool.connections.errors" // the one counter of a pool without a series until there is something to count
	acquires      = "pgxpool.acquires"           // has series as soon as a pool with hooks is registered
	size          = "pgxpool.size"               // as soon as any pool is
)

// Value tells the value of a counter or gauge by its OpenTelemetry name, such as "db.client.connection.timeouts" or
// "pgxpool.peak"; times are in seconds. With attributes only the series that have all of them count, such as
// attribute.String("result", "ok") for "pgxpool.acquires". Of a counter, or of an up-down counter such as
// "db.client.connection.count", the series are added up; of a gauge there must be one, since the sum of two would mean
// nothing.
//
// The test fails, with a list of what there is, if there is no such metric or series, or if it is a histogram; the value
// is then NaN, which equals nothing. So a slip of the pen does not pass for 0. Pools show their counters and gauges from
// the beginning, and until Unregister; instruments of your own only once they have a value.
//
// The connections that pgx counts as used may include one that was released a moment ago.
func (r *Recorder) Value(name string, attributes ...attribute.KeyValue) float64 {
	r.t.Helper()
	all := r.metrics(func(string) bool { return true })
	value, err := total(all[name], attributes)
	if err != nil && name == connectErrors { // 0, if it is of a pool that there is
		_, err = total(all[acquires], slices.DeleteFunc(slices.Clone(attributes), func(kv attribute.KeyValue) bool {
			return kv.Key == semconv.ErrorTypeKey
		}))
	}
	if err != nil {
		if len(all[name]) == 0 && (name != connectErrors || len(all[acquires]) == 0) {
			err = fmt.Errorf("there is no such metric; there are:%s", list(slices.Sorted(maps.Keys(all))))
		}
		if len(all[size]) == 0 {
			err = fmt.Errorf("%w\nno pool is registered with the Recorder, or none any more", err)
		}
		r.t.Errorf("otelpooltest: value of %s: %v", name, err)
		return math.NaN()
	}
	return value
}

// series is one series of a counter or gauge.
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
		return 0, fmt.Errorf("no series has %s; there are:%s", encode(attribute.NewSet(slices.Clone(attributes)...)), list(all))
	}
	if gauge && len(matching) > 1 {
		return 0, fmt.Errorf("it is a gauge, and attributes must choose one of:%s", list(matching))
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
	return nil, false, errors.New("it is a histogram, which has no one value: Operations and Duration tell that of operations, Collect all")
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

// list puts each of some things on a line of its own.
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
