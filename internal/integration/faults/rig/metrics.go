package rig

import (
	"context"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// Point is a collected series: the value of a sum or gauge, or the count of a histogram.
type Point struct {
	Name   string
	Labels map[string]string // without the pool's name and the system, which all series have
	Value  float64
}

// Metrics are otelpool's series at one collection.
type Metrics []Point

// Collect reads all series.
func Collect(t testing.TB, reader sdkmetric.Reader) Metrics {
	t.Helper()
	var rm metricdata.ResourceMetrics
	testutil.Check(t, reader.Collect(context.Background(), &rm))
	var all Metrics
	for _, scope := range rm.ScopeMetrics {
		if scope.Scope.Name != otelpool.ScopeName {
			continue
		}
		for _, m := range scope.Metrics {
			all = append(all, points(m)...)
		}
	}
	return all
}

func points(m metricdata.Metrics) (all Metrics) {
	data := reflect.ValueOf(m.Data).FieldByName("DataPoints")
	for i := range data.Len() {
		point := data.Index(i)
		value := point.FieldByName("Value")
		if !value.IsValid() { // a histogram's
			value = point.FieldByName("Count")
		}
		set := point.FieldByName("Attributes").Interface().(attribute.Set)
		all = append(all, Point{m.Name, labels(set), value.Convert(reflect.TypeFor[float64]()).Float()})
	}
	return all
}

func labels(set attribute.Set) map[string]string {
	labels := make(map[string]string)
	for _, kv := range set.ToSlice() {
		if kv.Key != "db.client.connection.pool.name" && kv.Key != "db.system.name" {
			labels[string(kv.Key)] = kv.Value.String()
		}
	}
	return labels
}

// Value returns the value of the only series with that name and those labels, given as key, value, key, value.
func (m Metrics) Value(t testing.TB, name string, keysAndValues ...string) float64 {
	t.Helper()
	want := make(map[string]string)
	for i := 0; i < len(keysAndValues); i += 2 {
		want[keysAndValues[i]] = keysAndValues[i+1]
	}
	at := slices.IndexFunc(m, func(p Point) bool { return p.Name == name && maps.Equal(p.Labels, want) })
	if at < 0 {
		t.Errorf("no %s%v was collected", name, want)
		return -1
	}
	return m[at].Value
}

// By returns the values of all series of a name, by the values of labels joined by a space. It leaves out zeros.
func (m Metrics) By(name string, keys ...string) map[string]int64 {
	by := make(map[string]int64)
	for _, p := range m {
		if p.Name == name && p.Value != 0 {
			values := make([]string, len(keys))
			for i, key := range keys {
				values[i] = p.Labels[key]
			}
			by[strings.Join(values, " ")] += int64(p.Value)
		}
	}
	return by
}

// Total returns the sum of all series of a name.
func (m Metrics) Total(name string) (total float64) {
	for _, p := range m {
		if p.Name == name {
			total += p.Value
		}
	}
	return total
}
