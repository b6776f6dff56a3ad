package instruments

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// filled returns values with n in each series, and in an open one.
func filled(n int64) *Values {
	v := new(Values)
	for i := range seriesTable.series {
		v.Set(Key(i), n)
	}
	for i := range seriesTable.open {
		v.AddOpen(OpenKey(i), "timeout", n)
	}
	return v
}

// TestMergeAddsEachSeries compares the sum of two pools with the rows of the catalogue.
func TestMergeAddsEachSeries(t *testing.T) {
	t.Parallel()
	sum := filled(3)
	sum.Merge(filled(4))
	for i, s := range seriesTable.series {
		want := int64(7)
		if s.row().Largest {
			want = 4
		}
		if sum.n[i] != want || !sum.set[i] {
			t.Errorf("%s %v: %d, want %d", s.row().Name, s.label, sum.n[i], want)
		}
	}
	for at, n := range sum.open {
		want := int64(7)
		if at.key.row().Largest {
			want = 4
		}
		if n != want {
			t.Errorf("%s: %d, want %d", at.key.row().Name, n, want)
		}
	}
}

func TestKeepRisingKeepsLargestCounters(t *testing.T) {
	t.Parallel()
	var kept Values
	for _, step := range []struct{ read, counter int64 }{{3, 3}, {5, 5}, {4, 5}} {
		v := filled(step.read)
		v.KeepRising(&kept)
		for i, s := range seriesTable.series {
			want := step.read
			if s.row().Kind == catalogue.ObservableCounter {
				want = step.counter
			}
			if v.n[i] != want || kept.set[i] != (s.row().Kind == catalogue.ObservableCounter) {
				t.Errorf("%s %v: %d after %d, kept %t", s.row().Name, s.label, v.n[i], step.read, kept.set[i])
			}
		}
		for at, got := range v.open {
			want := step.read
			if at.key.counter() {
				want = step.counter
			}
			if _, known := kept.open[at]; got != want || known != at.key.counter() {
				t.Errorf("%s: %d after %d, kept %t", at.key.row().Name, got, step.read, known)
			}
		}
	}
}

func TestMergeKeepsMapOfCopy(t *testing.T) {
	t.Parallel()
	left := *filled(3)
	sum := left.Clone()
	sum.Merge(filled(4))
	for at, n := range left.open {
		if n != 3 {
			t.Errorf("%v became %d in the original", at, n)
		}
	}
}

func TestCountersReportZeroBeforeFirstEvent(t *testing.T) {
	t.Parallel()
	var v Values
	new(Counters).AddTo(&v)
	for i, s := range seriesTable.series {
		if v.set[i] != (s.row().Kind == catalogue.ObservableCounter && !s.row().Database) || v.n[i] != 0 {
			t.Errorf("%s %v: set %t, %d", s.row().Name, s.label, v.set[i], v.n[i])
		}
	}
}

func TestOpenValuesAreBounded(t *testing.T) {
	t.Parallel()
	var c Counters
	for i := range 2 * maxOpenValues {
		c.AddOpen(0, fmt.Sprintf("%05d", i))
	}
	var v Values
	c.AddTo(&v)
	if got := v.open[openValue{0, ErrorTypeOther}]; got != maxOpenValues || len(v.open) != maxOpenValues+1 {
		t.Errorf("%d values, %d of them %s", len(v.open), got, ErrorTypeOther)
	}
}

func TestKeyOfUnknownSeriesPanics(t *testing.T) {
	t.Parallel()
	for _, look := range []func(){
		func() { KeyOf("pgxpool.sise") },
		func() { KeyOf("pgxpool.acquires") },
		func() { KeyOf("pgxpool.acquires", "lost") },
		func() { KeyOf("db.client.operation.duration") },
		func() { OpenKeyOf("pgxpool.acquires") },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Error("no panic")
				}
			}()
			look()
		}()
	}
}

// TestReportObservesEachSeries reports all series through a real SDK and compares them with the catalogue.
func TestReportObservesEachSeries(t *testing.T) {
	t.Parallel()
	reader := sdkmetric.NewManualReader()
	m := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")
	o, err := NewObservables(m)
	testutil.NoError(t, err)
	of := NewPoolAttributes(attribute.NewSet(attribute.String("team", "a")))
	if _, err := m.RegisterCallback(func(_ context.Context, to metric.Observer) error {
		o.Report(to, filled(2e9), of)
		o.ReportInfo(to, InfoOptions(of.set, []attribute.KeyValue{attribute.String("size", "4")}))
		return nil
	}, o.All()...); err != nil {
		t.Fatal(err)
	}
	var rm metricdata.ResourceMetrics
	testutil.NoError(t, reader.Collect(t.Context(), &rm))
	got := map[string][]string{}
	for _, m := range rm.ScopeMetrics[0].Metrics {
		for _, row := range catalogue.Lookup(m.Name)[:1] {
			if m.Unit != row.Unit || m.Description != row.Description {
				t.Errorf("%s: unit %q, description %q", m.Name, m.Unit, m.Description)
			}
		}
		got[m.Name] = seriesOf(t, m)
	}
	want := map[string][]string{}
	for _, row := range catalogue.Rows() {
		if row.Kind == catalogue.Histogram {
			continue
		}
		number := "2000000000"
		if row.Unit == "s" {
			number = "2"
		}
		if row.Info {
			want[row.Name] = []string{"size=4,team=a 1"}
			continue
		}
		labels := []string{""}
		if row.State != "" {
			labels = []string{catalogue.AttrState + "=" + row.State + ","}
		}
		for _, a := range row.Attributes[1:] {
			values := a.Values
			if values == nil {
				values = []string{"timeout"}
			}
			var with []string
			for _, label := range labels {
				for _, value := range values {
					with = append(with, label+a.Key+"="+value+",")
				}
			}
			labels = with
		}
		for _, label := range labels {
			pairs := strings.Split(label+"team=a", ",") // an attribute set is in the order of its keys
			slices.Sort(pairs)
			want[row.Name] = append(want[row.Name], strings.Join(pairs, ",")+" "+number)
		}
		slices.Sort(want[row.Name])
	}
	for name := range want {
		if !slices.Equal(got[name], want[name]) {
			t.Errorf("%s: got %q, want %q", name, got[name], want[name])
		}
	}
	if len(got) != len(want) {
		t.Errorf("%d instruments, want %d", len(got), len(want))
	}
}

func seriesOf(t *testing.T, m metricdata.Metrics) (series []string) {
	t.Helper()
	switch data := m.Data.(type) {
	case metricdata.Sum[int64]:
		return seriesTexts(data.DataPoints)
	case metricdata.Sum[float64]:
		return seriesTexts(data.DataPoints)
	case metricdata.Gauge[int64]:
		return seriesTexts(data.DataPoints)
	case metricdata.Gauge[float64]:
		return seriesTexts(data.DataPoints)
	}
	t.Fatalf("%s is a %T", m.Name, m.Data)
	return nil
}

func seriesTexts[N int64 | float64](points []metricdata.DataPoint[N]) (texts []string) {
	for _, p := range points {
		texts = append(texts, fmt.Sprintf("%s %v", p.Attributes.Encoded(attribute.DefaultEncoder()), p.Value))
	}
	slices.Sort(texts)
	return texts
}
