package stack_test

import (
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/programs"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// waitLimit is how long a test waits for an event. Only a failing test takes that long.
const waitLimit = 2 * time.Minute

// program builds a program if necessary and returns its path.
func program(t *testing.T, p programs.Program) string {
	t.Helper()
	path, err := p.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// startCollector starts a Collector with the shipped configuration, and ends it after the test.
func startCollector(t *testing.T, s stack.CollectorSettings) *stack.Collector {
	t.Helper()
	s.Program, s.Config = program(t, programs.Collector), shipped(t, "collector.yaml")
	if s.Dir == "" {
		s.Dir = t.TempDir()
	}
	c, err := stack.StartCollector(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, c.Process) })
	return c
}

// startPrometheus starts a Prometheus with the shipped configuration, and ends it after the test. It scrapes the
// targets in the settings once a second.
func startPrometheus(t *testing.T, s stack.PrometheusSettings) *stack.Prometheus {
	t.Helper()
	s.Program, s.Config, s.Dir = program(t, programs.Prometheus), shipped(t, "prometheus", "prometheus.yml"), t.TempDir()
	s.Interval = time.Second
	p, err := stack.StartPrometheus(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { kill(t, p.Process) })
	return p
}

func kill(t *testing.T, p *stack.Process) {
	t.Helper()
	if err := p.Kill(); err != nil {
		t.Error(err)
	}
	if t.Failed() {
		t.Logf("%s wrote last:\n%s", p.Name(), p.LastLines(15))
	}
}
