package prometheus_test

import (
	"slices"
	"testing"

	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// server is a running Prometheus, with the files that users load and an interval of one second.
type server struct{ *stack.Prometheus }

// startPrometheus runs the real Prometheus until the test ends. It scrapes the page of a bridge, and that of a Collector
// unless it is empty.
func startPrometheus(t *testing.T, bridge *page, collector string) server {
	t.Helper()
	return server{stacktest.Prometheus(t, stack.PrometheusSettings{Service: bridge.address(), Collector: collector})}
}

func (s server) query(t *testing.T, expression string) model.Vector {
	t.Helper()
	samples, err := s.Query(t.Context(), expression)
	testutil.NoError(t, err)
	return samples
}

func (s server) firing(t *testing.T, job string) (names []string) {
	t.Helper()
	found, err := s.API().Alerts(t.Context())
	testutil.NoError(t, err)
	for _, a := range found.Alerts {
		if a.State == "firing" && string(a.Labels["job"]) == job {
			names = append(names, string(a.Labels["alertname"]))
		}
	}
	slices.Sort(names)
	return names
}
