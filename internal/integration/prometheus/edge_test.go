package prometheus_test

import (
	"fmt"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestPushedMetricsEqualThoseOfBridge(t *testing.T) {
	t.Parallel()
	bridge := newPage(t)
	collector := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "db_pool_size{job=\"billing\",instance=\"b\",pool=\"main\"} 7\n")
	}))
	t.Cleanup(collector.Close)
	prom := startPrometheus(t, bridge, strings.TrimPrefix(collector.URL, "http://"))
	s := newService(t, bridge, prom.OTLP())
	s.push(t)
	testutil.Within(t, stacktest.WaitLimit, "counters were seen at 0 at both edges, so that what they grow by is seen too", func() bool {
		return len(prom.query(t, `db_pool_timeouts_total == 0`)) == 2
	})
	// An increase is visible from the second sample on.
	testutil.Within(t, stacktest.WaitLimit, "the page was scraped", func() bool { return len(prom.query(t, `db_pool_timeouts_total{job="services"}`)) == 1 })

	s.trouble(t)
	held := s.hold(t, 7)
	s.push(t)
	sameAsBridge(t, prom, bridge, "db_pool_oldest_hold_seconds", "db_pool_held_oldest_seconds") // they grow
	s.release(t, held)
	s.push(t)
	sameAsBridge(t, prom, bridge)

	t.Run("the bridge's own names are left alone", func(t *testing.T) {
		if got := prom.query(t, `{job="services", otelpool_edge!=""}`); len(got) > 0 {
			t.Errorf("derived, but the page has it: %v", got)
		}
		if got := prom.query(t, `sum by (job) (db_pool_max)`); len(got) != 2 {
			t.Errorf("sizes by job: %v", got)
		}
	})
	t.Run("the Collector's page keeps job and instance", func(t *testing.T) {
		testutil.Within(t, stacktest.WaitLimit, "the page was scraped", func() bool {
			return len(prom.query(t, `db_pool_size{job="billing", instance="b"} == 7`)) == 1
		})
	})
	t.Run("no sample was refused", func(t *testing.T) { // the scrape succeeds even if Prometheus drops samples
		checked := 0
		for name, family := range stacktest.Page(t, prom.URL+"/metrics") {
			if strings.HasPrefix(name, "prometheus_target_scrapes_") {
				checked++
				if value := family.GetMetric()[0].GetCounter().GetValue(); value != 0 {
					t.Errorf("%s is %v", name, value)
				}
			}
		}
		if checked < 5 {
			t.Errorf("only %d counters of refused samples", checked)
		}
	})
	t.Run("alerts are those of the trouble", func(t *testing.T) {
		want := []string{"PoolAcquireTimeouts", "PoolNestedAcquires", "PoolReleasedInTransaction"}
		for _, job := range []string{"shop/orders", "services"} {
			testutil.Within(t, stacktest.WaitLimit, fmt.Sprint(want, " fire for ", job), func() bool { return slices.Equal(prom.firing(t, job), want) })
		}
	})
}

// sameAsBridge waits until Prometheus has the series of the bridge's page, pushed and scraped, with the same names,
// labels and values, and no others.
func sameAsBridge(t *testing.T, prom server, bridge *page, except ...string) {
	t.Helper()
	want := series(t, bridge.read(t), except)
	names := make(map[string]bool)
	for key := range want {
		name, _, _ := strings.Cut(key, "{")
		names[strings.TrimSuffix(name, "_bucket")] = true
	}
	for _, row := range catalogue.Rows() {
		if name := row.ExposedName(); !row.Database && !names[name] && !slices.Contains(except, name) && name != "db_pool_finding" { // which is turned off
			t.Errorf("the page lacks %s", name)
		}
	}
	var differences []string
	defer func() {
		if t.Failed() {
			t.Log(strings.Join(differences, "\n"))
		}
	}()
	for _, selector := range []string{`{job="shop/orders", instance="a"}`, `{job="services"}`} {
		testutil.Within(t, stacktest.WaitLimit, "Prometheus has what the bridge has: "+selector, func() bool {
			differences = stacktest.Differences(series(t, prom.query(t, selector), except), want)
			return len(differences) == 0
		})
	}
}

// series returns the values of the series with names of the catalogue. It leaves out the names in except, and the
// labels that identify the source of a series.
func series(t *testing.T, samples model.Vector, except []string) map[string]float64 {
	t.Helper()
	exposed := make(map[string]bool)
	for _, row := range catalogue.Rows() {
		if !slices.Contains(except, row.ExposedName()) {
			addSeries(exposed, row.ExposedName(), row.Kind)
		}
	}
	found := make(map[string]float64)
	for _, s := range samples {
		if !exposed[string(s.Metric[model.MetricNameLabel])] {
			continue
		}
		maps.DeleteFunc(s.Metric, func(label model.LabelName, _ model.LabelValue) bool {
			return slices.Contains([]model.LabelName{"job", "instance", "otelpool_edge"}, label) || strings.HasPrefix(string(label), "otel_scope_")
		})
		key := stacktest.Key(s.Metric)
		if _, ok := found[key]; ok {
			t.Errorf("%s is there twice", key)
		}
		found[key] = float64(s.Value)
	}
	return found
}
