package collectortest_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// page is the content of a page of metrics: the type and the help text of each metric, and the value of each series
// by its name and labels.
type page struct {
	metrics map[string]string
	series  map[string]float64
}

func get(t *testing.T, url, accept string) string {
	t.Helper()
	body, err := stack.GetAs(t.Context(), url, accept)
	testutil.NoError(t, err)
	return string(body)
}

// read fetches and parses a page. It leaves out target_info, which describes the process and not the pool. The labels
// in drop must be on every series and are left out too.
func read(t *testing.T, url string, drop model.Metric) page {
	t.Helper()
	families := stacktest.Page(t, url)
	delete(families, "target_info")
	p := page{metrics: map[string]string{}, series: map[string]float64{}}
	for name, family := range families {
		p.metrics[name] = strings.ToLower(family.GetType().String()) + ": " + family.GetHelp()
		maps.Copy(p.series, seriesOf(t, stacktest.Samples(t, family), drop))
	}
	return p
}

// seriesOf returns samples by their series, without the labels in drop, which must be on each.
func seriesOf(t *testing.T, samples model.Vector, drop model.Metric) map[string]float64 {
	t.Helper()
	series := map[string]float64{}
	for _, s := range samples {
		for name, want := range drop {
			if got := s.Metric[name]; got != want {
				t.Errorf("%v: label %s is %q, want %q", s.Metric, name, got, want)
			}
			delete(s.Metric, name)
		}
		series[stacktest.Key(s.Metric)] = float64(s.Value)
	}
	return series
}

// everything selects all series except those about the process.
const everything = `{__name__=~".+",__name__!="target_info"}`

// store is a Prometheus that scrapes nothing and accepts remote writes.
type store struct{ *stack.Prometheus }

// startStore starts a store and waits until it accepts samples.
func startStore(t *testing.T) store {
	t.Helper()
	return store{stacktest.Prometheus(t, stack.PrometheusSettings{
		Config: written(t, "prometheus.yml", "global: {}\n"), Args: []string{"--web.enable-remote-write-receiver"},
	})}
}

func (s store) writeURL() string { return s.URL + "/api/v1/write" }

// query returns the series that an expression selects, without the labels of the service's identity.
func (s store) query(t *testing.T, expr string) map[string]float64 {
	t.Helper()
	samples, err := s.Query(t.Context(), expr)
	testutil.NoError(t, err)
	return seriesOf(t, samples, identityLabels)
}

func (s store) series(t *testing.T) func() map[string]float64 {
	return func() map[string]float64 { return s.query(t, everything) }
}

// becomes waits until the series that read returns equal the wanted ones.
func becomes(t *testing.T, what string, want map[string]float64, read func() map[string]float64) {
	t.Helper()
	var last []string
	defer func() {
		if t.Failed() && len(last) > 0 {
			t.Logf("%s differs:\n%s", what, strings.Join(last[:min(len(last), 40)], "\n"))
		}
	}()
	testutil.Within(t, stacktest.WaitLimit, what+" to have the wanted series", func() bool {
		last = stacktest.Differences(read(), want)
		return len(last) == 0
	})
}

func named(series map[string]float64, prefixes ...string) map[string]float64 {
	kept := maps.Clone(series)
	maps.DeleteFunc(kept, func(key string, _ float64) bool {
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
	return kept
}
