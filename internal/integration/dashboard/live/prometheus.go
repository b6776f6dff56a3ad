package live

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

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
	program, err := stack.BuildDemo(ctx)
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
	Labels map[string]string
	Values []float64
}

// Query evaluates an expression at a time.
func (p *Prometheus) Query(ctx context.Context, expr string, at time.Time) ([]Series, error) {
	return p.ask(ctx, "query", url.Values{"query": {expr}, "time": {timestamp(at)}})
}

// QueryRange evaluates an expression every second of a time range.
func (p *Prometheus) QueryRange(ctx context.Context, expr string, from, to time.Time) ([]Series, error) {
	return p.ask(ctx, "query_range", url.Values{
		"query": {expr}, "start": {timestamp(from)}, "end": {timestamp(to)}, "step": {"1"},
	})
}

// Traces returns the traces of the exemplars, in a time range, of the series that an expression reads.
func (p *Prometheus) Traces(ctx context.Context, expr string, from, to time.Time) ([]string, error) {
	var found []struct {
		Exemplars []struct{ Labels map[string]string }
	}
	err := p.API(ctx, "query_exemplars", url.Values{"query": {expr}, "start": {timestamp(from)}, "end": {timestamp(to)}}, &found)
	var traces []string
	for _, series := range found {
		for _, e := range series.Exemplars {
			traces = append(traces, e.Labels["trace_id"])
		}
	}
	return traces, err
}

func timestamp(t time.Time) string {
	return strconv.FormatFloat(float64(t.UnixMilli())/1000, 'f', 3, 64)
}

// ask runs a query. It leaves out series without any number, which a panel would not show either.
func (p *Prometheus) ask(ctx context.Context, path string, query url.Values) ([]Series, error) {
	var data struct {
		Result []struct {
			Metric map[string]string
			Value  model.SamplePair
			Values []model.SamplePair
		}
	}
	if err := p.API(ctx, path, query, &data); err != nil {
		return nil, err
	}
	var found []Series
	for _, r := range data.Result {
		series := Series{Labels: r.Metric}
		if r.Values == nil {
			r.Values = []model.SamplePair{r.Value}
		}
		for _, s := range r.Values {
			if v := float64(s.Value); !math.IsNaN(v) && !math.IsInf(v, 0) {
				series.Values = append(series.Values, v)
			}
		}
		if len(series.Values) > 0 {
			found = append(found, series)
		}
	}
	return found, nil
}
