package prometheus_test

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// sample is a value of a series. The labels include the name.
type sample struct {
	labels map[string]string
	value  float64
}

const nameLabel = "__name__"

func TestPushedMetricsEqualThoseOfBridge(t *testing.T) {
	t.Parallel()
	bridge := newPage(t)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "db_pool_size{job=\"billing\",instance=\"b\",pool=\"main\"} 7\n")
	}))
	t.Cleanup(collector.Close)
	prom := startPrometheus(t, map[string]string{
		"127.0.0.1:9464": bridge.address(),
		"127.0.0.1:8889": strings.TrimPrefix(collector.URL, "http://"),
		"127.0.0.1:9093": "127.0.0.1:1", // no server
	})
	s := newService(t, bridge, prom.url+"/api/v1/otlp/v1/metrics")
	s.push(t)
	testutil.Within(t, waitLimit, "counters were seen at 0 at both edges, so that what they grow by is seen too", func() bool {
		return len(prom.query(t, `db_pool_timeouts_total == 0`)) == 2
	})
	// An increase is visible from the second sample on.
	testutil.Within(t, waitLimit, "the page was scraped", func() bool { return len(prom.query(t, `db_pool_timeouts_total{job="services"}`)) == 1 })

	s.trouble(t)
	held := s.hold(t, 7)
	s.push(t)
	sameAsBridge(t, prom, bridge, "db_pool_oldest_hold_seconds", "db_pool_held_oldest_seconds") // they grow
	s.release(t, held)
	s.push(t)
	sameAsBridge(t, prom, bridge)

	t.Run("the bridge's own names are left alone", func(t *testing.T) {
		if got := prom.query(t, `{job="services", otelpool_edge!=""}`); len(got) > 0 {
			t.Errorf("derived although the page has it: %v", got)
		}
		if got := prom.query(t, `sum by (job) (db_pool_max)`); len(got) != 2 {
			t.Errorf("sizes by job: %v", got)
		}
	})
	t.Run("the Collector's page keeps job and instance", func(t *testing.T) {
		testutil.Within(t, waitLimit, "the page was scraped", func() bool {
			return len(prom.query(t, `db_pool_size{job="billing", instance="b"} == 7`)) == 1
		})
	})
	t.Run("alerts are those of the trouble", func(t *testing.T) {
		want := []string{"PoolAcquireTimeouts", "PoolNestedAcquires", "PoolReleasedInTransaction"}
		for _, job := range []string{"shop/orders", "services"} {
			testutil.Within(t, waitLimit, fmt.Sprint(want, " fire for ", job), func() bool { return slices.Equal(prom.firing(t, job), want) })
		}
	})
}

// sameAsBridge waits until Prometheus has the series of the bridge's page, pushed and scraped, with the same names,
// labels and values, and no others.
func sameAsBridge(t *testing.T, prom *server, bridge *page, except ...string) {
	t.Helper()
	want := series(t, bridge.read(t), except)
	names := make(map[string]bool)
	for key := range want {
		name, _, _ := strings.Cut(key, " ")
		names[strings.TrimSuffix(name, "_bucket")] = true
	}
	for _, row := range catalogue.Rows() {
		if name := row.ExposedName(); !row.Database && !names[name] && !slices.Contains(except, name) && name != "db_pool_finding" { // which is turned off
			t.Errorf("the page lacks %s", name)
		}
	}
	var difference string
	defer func() {
		if t.Failed() {
			t.Log(difference)
		}
	}()
	for _, selector := range []string{`{job="shop/orders", instance="a"}`, `{job="services"}`} {
		testutil.Within(t, waitLimit, "Prometheus has what the bridge has: "+selector, func() bool {
			difference = compare(want, series(t, prom.query(t, selector), except))
			return difference == ""
		})
	}
}

// series returns the values of the series with names of the catalogue. It leaves out the names in except, and the
// labels that identify the source of a series.
func series(t *testing.T, samples []sample, except []string) map[string]float64 {
	t.Helper()
	exposed := make(map[string]bool)
	for _, row := range catalogue.Rows() {
		if !slices.Contains(except, row.ExposedName()) {
			addSeries(exposed, row.ExposedName(), row.Kind)
		}
	}
	found := make(map[string]float64)
	for _, s := range samples {
		name := s.labels[nameLabel]
		if !exposed[name] {
			continue
		}
		key := name
		for _, label := range slices.Sorted(maps.Keys(s.labels)) {
			value := s.labels[label]
			if slices.Contains([]string{nameLabel, "job", "instance", "otelpool_edge"}, label) || strings.HasPrefix(label, "otel_scope_") {
				continue
			}
			if bound, err := strconv.ParseFloat(value, 64); err == nil && label == "le" {
				value = strconv.FormatFloat(bound, 'g', -1, 64)
			}
			key += fmt.Sprintf(" %s=%q", label, value)
		}
		if _, ok := found[key]; ok {
			t.Errorf("%s is there twice", key)
		}
		found[key] = s.value
	}
	return found
}

// compare returns the differences between two sets of series. Sums may differ by their rounding, because the SDK adds
// up for each reader.
func compare(want, got map[string]float64) string {
	var b strings.Builder
	for key, value := range want {
		other, ok := got[key]
		rounding := 0.
		if name, _, _ := strings.Cut(key, " "); strings.HasSuffix(name, "_sum") {
			rounding = 1e-12 * math.Abs(value)
		}
		if !ok || math.Abs(value-other) > rounding {
			fmt.Fprintf(&b, "%s is %v, Prometheus has %v, %t\n", key, value, other, ok)
		}
	}
	for key := range got {
		if _, ok := want[key]; !ok {
			fmt.Fprintf(&b, "%s is in Prometheus only\n", key)
		}
	}
	return b.String()
}
