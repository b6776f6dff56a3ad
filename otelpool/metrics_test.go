package otelpool_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

const (
	used = "db.client.connection.count{db.client.connection.state=used}"
	idle = "db.client.connection.count{db.client.connection.state=idle}"
)

// metrics maps "name{key=value,...}" to what was collected: int64 or float64 for sums and gauges, a data point for histograms.
// Attributes that all series of an instrument share by design (pool, system) are left out of the key.
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

// value gives a sum or gauge.
func (all metrics) value(t testing.TB, key string) int64 {
	t.Helper()
	v, ok := all[key].(int64)
	if !ok {
		t.Fatalf("no %s among %v", key, all.keys(""))
	}
	return v
}

// seconds gives a sum or gauge of seconds.
func (all metrics) seconds(t testing.TB, key string) float64 {
	t.Helper()
	v, ok := all[key].(float64)
	if !ok {
		t.Fatalf("no %s among %v", key, all.keys(""))
	}
	return v
}

// count gives the number of samples of a histogram, 0 if there is none.
func (all metrics) count(key string) uint64 {
	switch p := all[key].(type) {
	case metricdata.HistogramDataPoint[float64]:
		return p.Count
	case metricdata.HistogramDataPoint[int64]:
		return p.Count
	}
	return 0
}

// sum gives the sum of a histogram in seconds.
func (all metrics) sum(key string) float64 {
	p, _ := all[key].(metricdata.HistogramDataPoint[float64])
	return p.Sum
}

// keys lists the series whose key begins with prefix.
func (all metrics) keys(prefix string) []string {
	var keys []string
	for key := range all {
		if strings.HasPrefix(key, prefix) {
			keys = append(keys, key)
		}
	}
	return keys
}

// collect reads all of our instruments.
func (tel telemetry) collect(t testing.TB) metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	all := metrics{}
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != otelpool.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all.add(t, m)
		}
	}
	return all
}

// text is everything that is collected, as text.
func (tel telemetry) text(t *testing.T) string {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(rm.ScopeMetrics)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// collectCounters collects, and tells what may never fall.
func (tel telemetry) collectCounters(t testing.TB) (metrics, map[string]float64) {
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Error(err)
	}
	all, counters := metrics{}, map[string]float64{}
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != otelpool.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all.add(t, m)
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if data.IsMonotonic {
						counters[seriesKey(m.Name, p.Attributes)] = float64(p.Value)
					}
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					if data.IsMonotonic {
						counters[seriesKey(m.Name, p.Attributes)] = p.Value
					}
				}
			case metricdata.Histogram[float64]:
				for _, p := range data.DataPoints {
					counters[seriesKey(m.Name, p.Attributes)+" sum"] = p.Sum
					counters[seriesKey(m.Name, p.Attributes)+" count"] = float64(p.Count)
				}
			}
		}
	}
	return all, counters
}

// countersOf returns the monotonic sums of our scope whose pool has that name, and the names of their instruments.
func (tel telemetry) countersOf(t *testing.T, name string) (counters map[string]float64, instruments []string) {
	t.Helper()
	var rm metricdata.ResourceMetrics
	if err := tel.reader.Collect(context.Background(), &rm); err != nil {
		t.Fatal(err)
	}
	counters = make(map[string]float64)
	add := func(m metricdata.Metrics, set attribute.Set, value float64) {
		if pool, _ := set.Value("db.client.connection.pool.name"); pool.AsString() != name {
			return
		}
		own, _ := attribute.NewSetWithFiltered(set.ToSlice(), attribute.NewDenyKeysFilter("team"))
		counters[seriesKey(m.Name, own)] = value
		if !slices.Contains(instruments, m.Name) {
			instruments = append(instruments, m.Name)
		}
	}
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != otelpool.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					if data.IsMonotonic {
						add(m, p.Attributes, float64(p.Value))
					}
				}
			case metricdata.Sum[float64]:
				for _, p := range data.DataPoints {
					if data.IsMonotonic {
						add(m, p.Attributes, p.Value)
					}
				}
			}
		}
	}
	slices.Sort(instruments)
	return counters, instruments
}

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

// gaugeKeys lists the series that are observed, not recorded.
func gaugeKeys(m metrics) []string {
	var keys []string
	for key, value := range m {
		switch value.(type) {
		case int64, float64:
			keys = append(keys, key)
		}
	}
	return keys
}

// closings gives the counts of closed connections by reason, without those that are 0.
func closings(m metrics) map[string]int64 {
	var closed map[string]int64
	for _, key := range m.keys("pgxpool.connections.closed") {
		if n, _ := m[key].(int64); n != 0 {
			if closed == nil {
				closed = make(map[string]int64)
			}
			_, reason, _ := strings.Cut(key, "reason=")
			closed[strings.TrimSuffix(reason, "}")] = n
		}
	}
	return closed
}

// sumOf adds up the series of an instrument.
func sumOf(counters map[string]float64, name string) (sum float64) {
	for key, value := range counters {
		if strings.HasPrefix(key, name+"{") {
			sum += value
		}
	}
	return sum
}
