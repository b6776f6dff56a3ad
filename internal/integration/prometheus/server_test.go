package prometheus_test

import (
	"net/url"
	"slices"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
)

// server is a running Prometheus, with the files that users load and an interval of one second.
type server struct{ *stack.Prometheus }

// startPrometheus runs the real Prometheus until the test ends. It scrapes the page of a bridge, and that of a Collector
// unless it is empty.
func startPrometheus(t *testing.T, bridge *page, collector string) server {
	t.Helper()
	return server{stacktest.Prometheus(t, stack.PrometheusSettings{Service: bridge.address(), Collector: collector})}
}

// get reads from Prometheus' API.
func (s server) get(t *testing.T, path string, query url.Values, data any) {
	t.Helper()
	if err := s.API(t.Context(), path, query, data); err != nil {
		t.Fatal(err)
	}
}

// query returns the series of a vector.
func (s server) query(t *testing.T, expression string) []stack.Sample {
	t.Helper()
	samples, err := s.Query(t.Context(), expression)
	if err != nil {
		t.Fatal(err)
	}
	return samples
}

// firing returns the names of the alerts that fire for a job.
func (s server) firing(t *testing.T, job string) []string {
	t.Helper()
	var data struct {
		Alerts []struct {
			Labels map[string]string
			State  string
		}
	}
	s.get(t, "alerts", nil, &data)
	var names []string
	for _, a := range data.Alerts {
		if a.State == "firing" && a.Labels["job"] == job {
			names = append(names, a.Labels["alertname"])
		}
	}
	slices.Sort(names)
	return names
}
