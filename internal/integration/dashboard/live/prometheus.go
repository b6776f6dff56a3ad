package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"strings"
	"time"

	v1 "github.com/prometheus/client_golang/api/prometheus/v1"
	"github.com/prometheus/common/model"

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

// Prometheus is a running Prometheus server.
type Prometheus struct{ *stack.Prometheus }

// StartPrometheus builds Prometheus and runs it with its data in dir. The rules may be empty.
func StartPrometheus(ctx context.Context, dir, rules string, targets ...Target) (*Prometheus, error) {
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
	p, err := stack.StartPrometheus(ctx, stack.PrometheusSettings{Program: program, Config: config, Interval: Interval, Dir: dir})
	return &Prometheus{p}, err
}

func configuration(targets []Target) string {
	var b strings.Builder
	b.WriteString("rule_files: [rules.yml]\nscrape_configs:\n  - job_name: live\n    scrape_native_histograms: true\n    static_configs:\n")
	for _, t := range targets {
		fmt.Fprintf(&b, "      - targets: [%q]\n        labels: {job: %q, instance: %q}\n", t.Address, t.Job, t.Instance)
	}
	return b.String()
}

// Series is a series in the answer to a query: labels, and the values that are numbers.
type Series struct {
	Labels model.Metric
	Values []float64
}

// Query evaluates an expression at a time.
func (p *Prometheus) Query(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	value, _, err := p.API().Query(ctx, expr, at)
	return numbers(value), err
}

// QueryRange evaluates an expression every second of a time range.
func (p *Prometheus) QueryRange(ctx context.Context, expr string, from, to time.Time) ([]Series, error) {
	value, _, err := p.API().QueryRange(ctx, expr, v1.Range{Start: from, End: to, Step: time.Second})
	return numbers(value), err
}

// Traces returns the traces of the exemplars, in a time range, of the series that an expression reads.
func (p *Prometheus) Traces(ctx context.Context, expr string, from, to time.Time) (traces []string, err error) {
	found, err := p.API().QueryExemplars(ctx, expr, from, to)
	for _, series := range found {
		for _, e := range series.Exemplars {
			traces = append(traces, string(e.Labels["trace_id"]))
		}
	}
	return traces, err
}

// numbers leaves out series without any number, which a panel would not show either.
func numbers(value model.Value) (found []Series) {
	matrix, _ := value.(model.Matrix)
	if vector, ok := value.(model.Vector); ok {
		for _, s := range vector {
			matrix = append(matrix, &model.SampleStream{Metric: s.Metric, Values: []model.SamplePair{{Value: s.Value}}})
		}
	}
	for _, stream := range matrix {
		series := Series{Labels: stream.Metric}
		for _, s := range stream.Values {
			if v := float64(s.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
				series.Values = append(series.Values, v)
			}
		}
		if len(series.Values) > 0 {
			found = append(found, series)
		}
	}
	return found
}
