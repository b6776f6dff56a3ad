package live

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/programs"
)

// Interval is the time between two scrapes.
const Interval = time.Second

// Target is a service to scrape, and its labels in Prometheus.
type Target struct {
	Job, Instance string
	Address       string // host:port
}

// StartDemo builds the demo and runs it on a throwaway PostgreSQL until stop is called, with its log in dir. It returns
// the host:port of its pages.
func StartDemo(ctx context.Context, dir string) (address string, stop func(), err error) {
	program, err := programs.Demo.Build(ctx)
	if err != nil {
		return "", nil, err
	}
	demo, err := stack.StartDemo(ctx, stack.DemoSettings{Program: program, Dir: dir, Env: []string{"DATABASE_URL=", "OTEL_EXPORTER_OTLP_ENDPOINT="}})
	if err != nil {
		return "", nil, err
	}
	return demo.Address, func() { _ = demo.Stop() }, nil
}

// StartPrometheus builds Prometheus and runs it with its data in dir. The rules may be empty.
func StartPrometheus(ctx context.Context, dir, rules string, targets ...Target) (*stack.Prometheus, error) {
	program, err := programs.Prometheus.Build(ctx)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "live.yml")
	err = errors.Join(
		os.WriteFile(config, []byte(configuration(targets)), 0o600),
		os.WriteFile(filepath.Join(dir, "rules.yml"), []byte(rules), 0o600),
	)
	if err != nil {
		return nil, fmt.Errorf("live: %w", err)
	}
	return stack.StartPrometheus(ctx, stack.PrometheusSettings{Program: program, Config: config, Interval: Interval, Dir: dir})
}

func configuration(targets []Target) string {
	var b strings.Builder
	b.WriteString("rule_files: [rules.yml]\nscrape_configs:\n  - job_name: live\n    scrape_native_histograms: true\n    static_configs:\n")
	for _, t := range targets {
		fmt.Fprintf(&b, "      - targets: [%q]\n        labels: {job: %q, instance: %q}\n", t.Address, t.Job, t.Instance)
	}
	return b.String()
}
