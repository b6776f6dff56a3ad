package fleet

import (
	"bytes"
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

// Step is what was measured with a number of instances.
type Step struct {
	Instances int

	// Series are those that Prometheus holds, Samples those of one scrape of the Collector.
	Series, Samples int

	// Collector, Prometheus and Generator are what the programs used while instances pushed and Prometheus scraped.
	Collector, Prometheus, Generator Load

	// ScrapeCPU is what the Collector used over an interval in which nobody pushed: scrapes alone.
	ScrapeCPU Load

	// Pushes and Failed count what was sent, Failure is the first that failed.
	Pushes, Failed int
	Failure        error

	// PushP50 and PushP99 are how long a push took, Late is the most by which one came after its time.
	PushP50, PushP99, Late time.Duration

	// Scrape is how long Prometheus took to scrape the Collector, Rules to evaluate the group of rules that
	// takes longest; Up tells whether the scrape worked.
	Scrape, Rules time.Duration
	Up            bool
}

// Load is what a process used in a time.
type Load struct {
	CPU    time.Duration
	Over   time.Duration
	Memory int64
}

// Cores gives how many processors were busy with it.
func (l Load) Cores() float64 { return l.CPU.Seconds() / l.Over.Seconds() }

// meter measures what a process uses from start to stop.
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

// readPrometheus takes down what Prometheus says of itself and of its scrapes of the Collector.
func (s *Step) readPrometheus(ctx context.Context, p *stack.Prometheus, page string) error {
	target := fmt.Sprintf("{instance=%q}", page)
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
	text, err := stack.Get(ctx, p.URL+"/metrics")
	if err != nil {
		return err
	}
	s.Series = int(largest(text, "prometheus_tsdb_head_series"))
	s.Rules = seconds(largest(text, "prometheus_rule_group_last_duration_seconds"))
	return nil
}

func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }

// largest gives the largest value that a metric has on a page.
func largest(page []byte, metric string) float64 {
	var most float64
	for line := range bytes.Lines(page) {
		name, _, _ := strings.Cut(strings.ReplaceAll(string(line), "{", " "), " ")
		if name != metric {
			continue
		}
		fields := strings.Fields(string(line))
		value, err := strconv.ParseFloat(fields[len(fields)-1], 64)
		if err == nil {
			most = max(most, value)
		}
	}
	return most
}
