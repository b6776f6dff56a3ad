package otelpool_test

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// Keys of metrics that many tests read.
const (
	used            = "db.client.connection.count{db.client.connection.state=used}"
	idle            = "db.client.connection.count{db.client.connection.state=idle}"
	closing         = "pgxpool.closing"
	pendingRequests = "db.client.connection.pending_requests"
	waitTime        = "db.client.connection.wait_time"
	useTime         = "db.client.connection.use_time"
	busyTime        = "pgxpool.busy_time"
)

// phaseNames are the phases of an acquire.
var phaseNames = []string{"queue", "connect", "ping", "prepare"}

// phaseTime returns the key of a phase of acquires.
func phaseTime(phase string) string { return "pgxpool.acquire.phase_time{phase=" + phase + "}" }

// metrics maps "name{key=value,...}" to a collected value: int64 or float64 for sums and gauges, a data point for
// histograms. The key has no attributes that all series of an instrument share (pool, system).
type metrics map[string]any

func (all metrics) add(t testing.TB, m metricdata.Metrics) {
	switch data := m.Data.(type) {
	case metricdata.Gauge[int64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Sum[int64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Gauge[float64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Sum[float64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p.Value
		}
	case metricdata.Histogram[float64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p
		}
	case metricdata.Histogram[int64]:
		for _, p := range data.DataPoints {
			all[seriesKey(m.Name, p.Attributes)] = p
		}
	default:
		t.Fatalf("%s is a %T", m.Name, data)
	}
}

// value returns a sum or gauge.
func (all metrics) value(t testing.TB, key string) int64 {
	t.Helper()
	v, ok := all[key].(int64)
	if !ok {
		t.Fatalf("no %s among %v", key, all.keys(""))
	}
	return v
}

// seconds returns a sum or gauge of seconds.
func (all metrics) seconds(t testing.TB, key string) float64 {
	t.Helper()
	v, ok := all[key].(float64)
	if !ok {
		t.Fatalf("no %s among %v", key, all.keys(""))
	}
	return v
}

// pending returns the number of callers that wait.
func (all metrics) pending(t testing.TB) int64 {
	t.Helper()
	return all.value(t, pendingRequests)
}

// phase returns the seconds that acquires spent in a phase.
func (all metrics) phase(t testing.TB, name string) float64 {
	t.Helper()
	return all.seconds(t, phaseTime(name))
}

// count returns the number of samples of a histogram, 0 if there is none.
func (all metrics) count(key string) uint64 {
	switch p := all[key].(type) {
	case metricdata.HistogramDataPoint[float64]:
		return p.Count
	case metricdata.HistogramDataPoint[int64]:
		return p.Count
	}
	return 0
}

// sum returns the sum of a histogram in seconds.
func (all metrics) sum(key string) float64 {
	p, _ := all[key].(metricdata.HistogramDataPoint[float64])
	return p.Sum
}

// keys returns the keys that begin with prefix.
func (all metrics) keys(prefix string) []string {
	return slices.DeleteFunc(slices.Collect(maps.Keys(all)), func(key string) bool { return !strings.HasPrefix(key, prefix) })
}

// holds returns how many holds have ended, and how long they took together, whatever their units of work are.
func (all metrics) holds() (count uint64, seconds float64) {
	for _, key := range all.keys(useTime) {
		count += all.count(key)
		seconds += all.sum(key)
	}
	return count, seconds
}

// check compares sums and gauges with what they must be.
func (all metrics) check(t testing.TB, want map[string]int64) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		checkEqual(t, key, all.value(t, key), want[key])
	}
}

// checkCounts compares the numbers of samples of histograms with what they must be.
func (all metrics) checkCounts(t testing.TB, want map[string]uint64) {
	t.Helper()
	for _, key := range slices.Sorted(maps.Keys(want)) {
		checkEqual(t, "samples of "+key, all.count(key), want[key])
	}
}

// checkEqual reports a value that is not the one it must be.
func checkEqual[T comparable](t testing.TB, what string, got, want T) {
	t.Helper()
	if got != want {
		t.Errorf("%s: got %v, want %v", what, got, want)
	}
}

// collect reads all instruments of otelpool.
func (tel telemetry) collect(t testing.TB) metrics {
	t.Helper()
	all := metrics{}
	for _, m := range tel.read(t) {
		all.add(t, m)
	}
	return all
}

// read collects the metrics of otelpool's scope.
func (tel telemetry) read(t testing.TB) (all []metricdata.Metrics) {
	t.Helper()
	for _, scope := range tel.readAll(t).ScopeMetrics {
		if scope.Scope.Name == otelpool.ScopeName {
			all = append(all, scope.Metrics...)
		}
	}
	return all
}

// readAll collects the metrics of all scopes.
func (tel telemetry) readAll(t testing.TB) (rm metricdata.ResourceMetrics) {
	t.Helper()
	testutil.NoError(t, tel.reader.Collect(context.Background(), &rm))
	return rm
}

// text returns everything that is collected as text.
func (tel telemetry) text(t *testing.T) string {
	t.Helper()
	text, err := json.Marshal(tel.readAll(t).ScopeMetrics)
	testutil.NoError(t, err)
	return string(text)
}

// eachCounter calls f with each series of a monotonic sum.
func eachCounter(all []metricdata.Metrics, f func(name string, set attribute.Set, value float64)) {
	for _, m := range all {
		switch data := m.Data.(type) {
		case metricdata.Sum[int64]:
			for _, p := range data.DataPoints {
				if data.IsMonotonic {
					f(m.Name, p.Attributes, float64(p.Value))
				}
			}
		case metricdata.Sum[float64]:
			for _, p := range data.DataPoints {
				if data.IsMonotonic {
					f(m.Name, p.Attributes, p.Value)
				}
			}
		}
	}
}

// collectCounters returns all metrics, and among them the values that may never fall.
func (tel telemetry) collectCounters(t testing.TB) (metrics, map[string]float64) {
	t.Helper()
	all, counters := metrics{}, map[string]float64{}
	read := tel.read(t)
	eachCounter(read, func(name string, set attribute.Set, value float64) { counters[seriesKey(name, set)] = value })
	for _, m := range read {
		all.add(t, m)
		if data, ok := m.Data.(metricdata.Histogram[float64]); ok {
			for _, p := range data.DataPoints {
				counters[seriesKey(m.Name, p.Attributes)+" sum"] = p.Sum
				counters[seriesKey(m.Name, p.Attributes)+" count"] = float64(p.Count)
			}
		}
	}
	return all, counters
}

// seriesKey returns the key of a series among the metrics.
func seriesKey(name string, set attribute.Set) string {
	var attrs []string
	for _, kv := range set.ToSlice() {
		switch kv.Key {
		case "db.client.connection.pool.name", "db.system.name":
			continue
		}
		attrs = append(attrs, string(kv.Key)+"="+kv.Value.String())
	}
	if attrs == nil {
		return name
	}
	return name + "{" + strings.Join(attrs, ",") + "}"
}

// gaugeKeys returns the keys of gauges: series that end with the pool, as counters and histograms do not.
func gaugeKeys(m metrics) []string {
	return slices.DeleteFunc(m.keys(""), func(key string) bool {
		name, _, _ := strings.Cut(key, "{")
		kind := catalogue.Lookup(name)[0].Kind
		return kind != catalogue.ObservableGauge && kind != catalogue.ObservableUpDownCounter
	})
}

// closings returns the numbers of closed connections by reason, without those that are 0.
func closings(m metrics) map[string]int64 {
	closed := make(map[string]int64)
	for _, key := range m.keys("pgxpool.connections.closed") {
		if n, _ := m[key].(int64); n != 0 {
			_, reason, _ := strings.Cut(key, "reason=")
			closed[strings.TrimSuffix(reason, "}")] = n
		}
	}
	return closed
}
