package fleet

import (
	"context"
	"fmt"
	"time"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// Step is the result for one number of instances.
type Step struct {
	Instances       int
	Series, Samples int // series in Prometheus, and samples in one scrape of the Collector

	// Collector, Prometheus and Generator are the programs' loads while instances push and Prometheus scrapes.
	Collector, Prometheus, Generator Load
	ScrapeCPU                        Load // the Collector's load in an interval without pushes: scrapes alone

	Pushes, Failed   int
	Failure          error         // the first
	PushP50, PushP99 time.Duration // quantiles of the duration of a push
	Late             time.Duration // the longest delay of a push
	Scrape           time.Duration // of the Collector by Prometheus
	Rules            time.Duration // of the slowest group of rules
	Up               bool          // the scrape succeeded
}

// Overload returns the reason why a step exceeds the receivers' capacity, or "" if it does not.
func (s Step) Overload(interval time.Duration) string {
	switch {
	case s.Failed > 0:
		return fmt.Sprintf("%d of %d pushes failed, first: %v", s.Failed, s.Pushes, s.Failure)
	case !s.Up:
		return "Prometheus can no longer scrape the Collector"
	case s.Scrape > interval:
		return fmt.Sprintf("a scrape takes %v, more than the interval of %v", s.Scrape.Round(time.Millisecond), interval)
	case s.Late > interval/2:
		return fmt.Sprintf("pushes come %v late: the Collector takes them too slowly", s.Late.Round(time.Millisecond))
	case s.Rules > interval:
		return fmt.Sprintf("a group of rules takes %v, more than the interval of %v", s.Rules.Round(time.Millisecond), interval)
	}
	return ""
}

// Load is the use of resources by a process over a time.
type Load struct {
	CPU    time.Duration
	Over   time.Duration
	Memory int64
}

// Cores returns the mean number of processors in use.
func (l Load) Cores() float64 { return l.CPU.Seconds() / l.Over.Seconds() }

// meter measures the use of resources by a process from start to stop.
type meter struct {
	pid    int
	begin  time.Time
	before stack.Usage
}

func startMeter(pid int) (meter, error) {
	usage, err := stack.UsageOf(pid)
	return meter{pid: pid, begin: time.Now(), before: usage}, err
}

func (m meter) stop() (Load, error) {
	usage, err := stack.UsageOf(m.pid)
	return Load{CPU: usage.CPU - m.before.CPU, Over: time.Since(m.begin), Memory: usage.Memory}, err
}

// readPrometheus reads Prometheus' own metrics and those of its scrapes of the Collector.
func (s *Step) readPrometheus(ctx context.Context, p *stack.Prometheus, collector string) error {
	target := fmt.Sprintf("{instance=%q}", collector)
	for expression, set := range map[string]func(float64){
		"up" + target:                      func(v float64) { s.Up = v == 1 },
		"scrape_duration_seconds" + target: func(v float64) { s.Scrape = seconds(v) },
		"scrape_samples_scraped" + target:  func(v float64) { s.Samples = int(v) },
	} {
		value, err := p.Number(ctx, expression)
		if err != nil {
			return err
		}
		set(value)
	}
	families, err := stack.Page(ctx, p.URL+"/metrics")
	if err != nil {
		return err
	}
	s.Series = int(largest(families["prometheus_tsdb_head_series"]))
	s.Rules = seconds(largest(families["prometheus_rule_group_last_duration_seconds"]))
	return nil
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }

// largest returns the largest value of a gauge.
func largest(family *dto.MetricFamily) (most float64) {
	for _, m := range family.GetMetric() {
		most = max(most, m.GetGauge().GetValue())
	}
	return most
}
