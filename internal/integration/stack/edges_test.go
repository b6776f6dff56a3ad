package stack_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// edge is a way by which series get the documented names, and the selector of its series in Prometheus.
type edge struct {
	name       string
	prometheus *stack.Prometheus
	selector   string
}

// TestThreeEdgesReportEqualValues sends the metrics of one load by all three ways: scraped from the bridge, through
// the Collector, and directly to Prometheus, where rules rename them. Real programs run with the shipped
// configurations.
func TestThreeEdgesReportEqualValues(t *testing.T) {
	t.Parallel()
	collector := startCollector(t, stack.CollectorSettings{})
	direct := startPrometheus(t, stack.PrometheusSettings{})
	s := newService(t,
		newPush(t, otlp.WithProtocol(otlp.ProtocolGRPC), otlp.WithEndpointURL("http://"+collector.GRPC)),
		newPush(t, otlp.WithProtocol(otlp.ProtocolHTTP), otlp.WithEndpointURL(direct.OTLP())),
	)
	scraping := startPrometheus(t, stack.PrometheusSettings{Collector: collector.Page, Service: s.page})

	s.migrate(t)
	l := s.startLoad(t, 40)
	testutil.Within(t, waitLimit, "every caller has done every kind of work a few times", func() bool { return l.done.Load() >= 2000 })
	l.end(t)
	s.makeTroubles(t)
	s.rest(t)

	edges := []edge{
		{"bridge", scraping, `{job="services"}`},
		{"Collector", scraping, `{job="orders",instance="orders-1"}`},
		{"recording rules", direct, `{otelpool_edge="rules"}`},
	}
	all := s.converge(t, edges, "db_pool_held", "db_pool_held_oldest_seconds") // which are there once a collection has met a hold
	report(t, edges, all)

	// Compare again with connections in use, except for metrics that change all the time.
	held, err := s.fill(t.Context())
	defer held.release()
	if err != nil {
		t.Fatal(err)
	}
	all = s.converge(t, edges, "db_pool_oldest_hold_seconds", "db_pool_held_oldest_seconds")
	for name, want := range map[string]float64{"db_pool_checked_out": baseSize + maxOverflow, "db_pool_overflow": maxOverflow, "db_pool_checked_in": 0} {
		for i, e := range edges {
			if got := all[i][key(map[string]string{"__name__": name, "pool": "main"})]; got != want {
				t.Errorf("%s: %s is %v, want %v", e.name, name, got, want)
			}
		}
	}
}

// converge pushes and reads until the edges agree with each other and with the service's own values, on all names but
// a few. The test fails if they do not agree within waitLimit. An edge lags the service by a scrape or an evaluation,
// so they differ at first.
func (s *service) converge(t *testing.T, edges []edge, except ...string) []map[string]float64 {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitLimit)
	defer cancel()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		// Do not use ctx: when it ends, the test must report the differences.
		if err := s.provider.ForceFlush(t.Context()); err != nil {
			t.Fatal(err)
		}
		now := page(t, s.page)
		maps.DeleteFunc(now, func(k string, _ float64) bool { return slices.Contains(except, nameOf(k)) })
		all, differences := make([]map[string]float64, len(edges)), []string(nil)
		for i, e := range edges {
			all[i] = e.read(t, except)
			differences = append(differences, e.missing(all[i], except)...)
			differences = append(differences, compare("the service", now, e.name, all[i])...)
		}
		if len(differences) == 0 {
			return all
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the edges differ:\n%s", strings.Join(differences, "\n"))
		case <-tick.C:
		}
	}
}

// read returns the edge's series with documented names, except for a few names.
func (e edge) read(t *testing.T, except []string) map[string]float64 {
	t.Helper()
	samples, err := e.prometheus.Query(t.Context(), e.selector)
	if err != nil {
		t.Fatal(err)
	}
	documented := documentedSeries()
	series := make(map[string]float64)
	for _, s := range samples {
		if name := s.Labels["__name__"]; !documented[name] || slices.Contains(except, name) {
			continue
		}
		k := key(s.Labels)
		if _, ok := series[k]; ok {
			t.Errorf("%s: %s is there twice", e.name, k)
		}
		series[k] = s.Value
	}
	return series
}

// missing lists the documented names, except for a few, without a series at the edge.
func (e edge) missing(series map[string]float64, except []string) []string {
	wanted := documentedSeries()
	maps.DeleteFunc(wanted, func(name string, _ bool) bool { return slices.Contains(except, name) })
	for k := range series {
		delete(wanted, nameOf(k))
	}
	var lines []string
	for _, name := range slices.Sorted(maps.Keys(wanted)) {
		lines = append(lines, fmt.Sprintf("%s: no series is called %s", e.name, name))
	}
	return lines
}

// report logs what was compared, by name.
func report(t *testing.T, edges []edge, all []map[string]float64) {
	t.Helper()
	counts := make(map[string]int)
	notZero := 0
	for k, value := range all[0] {
		counts[nameOf(k)]++
		if value != 0 {
			notZero++
		}
	}
	for i, e := range edges {
		t.Logf("%s: %d series of %d names", e.name, len(all[i]), len(documentedSeries()))
	}
	t.Logf("%d series are not 0; by name: %v", notZero, counts)
}
