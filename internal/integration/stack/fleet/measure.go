package fleet

import (
	"context"
	"fmt"
	"time"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/procfs"

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

// usage returns a process's load since it started. Only Linux has the numbers.
func usage(pid int) (Load, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return Load{}, fmt.Errorf("fleet: %w", err)
	}
	stat, err := process.Stat()
	if err != nil {
		return Load{}, fmt.Errorf("fleet: %w", err)
	}
	return Load{CPU: seconds(stat.CPUTime()), Memory: int64(stat.ResidentMemory())}, nil
}

// during returns the loads of processes while f runs.
func during(f func(), pids ...int) ([]Load, error) {
	loads := make([]Load, len(pids))
	begin := time.Now()
	for i, pid := range pids {
		var err error
		if loads[i], err = usage(pid); err != nil {
			return nil, err
		}
	}
	f()
	for i, pid := range pids {
		now, err := usage(pid)
		if err != nil {
			return nil, err
		}
		loads[i] = Load{CPU: now.CPU - loads[i].CPU, Over: time.Since(begin), Memory: now.Memory}
	}
	return loads, nil
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
