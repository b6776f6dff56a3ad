package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stack/fleet"
	"github.com/otelpool/otelpool-go/internal/programs"
)

const help = `Finds out how many instances one Collector and one Prometheus on this machine can serve, and prints a Markdown table.

Flags:
  -for       DURATION  time limit, without building (default 3m)
  -memory    MIB       memory limit of Collector, Prometheus and generator together (default 8192)
  -steps     N,N,...   instances, step by step (default 100,250,500,1000,1500,2000,3000,4000)
  -interval  DURATION  between two pushes of an instance, and between two scrapes (default 10s)
`

// recorded is the number of recorded pushes of the demo. They cover its quiet and its busy time, and the first
// troubles.
const recorded = 16

// settings are the flags.
type settings struct {
	limit    time.Duration
	memory   int64
	steps    []int
	interval time.Duration
}

func newSettings(args []string) (settings, error) {
	flags := flag.NewFlagSet("fleet", flag.ContinueOnError)
	flags.SetOutput(io.Discard) // errors are returned
	limit := flags.Duration("for", 3*time.Minute, "")
	memory := flags.Int64("memory", 8192, "")
	steps := flags.String("steps", "100,250,500,1000,1500,2000,3000,4000", "")
	interval := flags.Duration("interval", 10*time.Second, "")
	if err := flags.Parse(args); err != nil {
		return settings{}, fmt.Errorf("fleet: %w (-h lists the flags)", err)
	}
	if flags.NArg() > 0 {
		return settings{}, fmt.Errorf("fleet: unknown argument %q (-h lists the flags)", flags.Arg(0))
	}
	s := settings{limit: *limit, memory: *memory << 20, interval: *interval}
	for text := range strings.SplitSeq(*steps, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(text))
		if err != nil {
			return settings{}, fmt.Errorf("fleet: -steps is %q: want numbers such as 100,200,400", *steps)
		}
		s.steps = append(s.steps, n)
	}
	return s, nil
}

// prepare builds the programs and records the pushes of an instance.
func (s settings) prepare(ctx context.Context, dir string, progress io.Writer) (fleet.Settings, error) {
	root, err := programs.Root()
	if err != nil {
		return fleet.Settings{}, err
	}
	run := fleet.Settings{
		Steps: s.steps, Interval: s.interval, Memory: s.memory, Dir: dir,
		CollectorConfig:  filepath.Join(root, "collector-config", "collector.yaml"),
		PrometheusConfig: filepath.Join(root, "collector-config", "prometheus", "prometheus.yml"),
		// The limits of the shipped configuration are smaller than a machine's memory.
		CollectorEnv: []string{
			fmt.Sprintf("MEMORY_LIMIT_MIB=%d", s.memory>>21), fmt.Sprintf("MEMORY_SPIKE_MIB=%d", s.memory>>23),
			fmt.Sprintf("GOMEMLIMIT=%dMiB", s.memory>>21*8/10),
		},
	}
	fmt.Fprintln(progress, "Building missing programs; the first build of Collector and Prometheus takes minutes ...")
	if run.Collector, err = programs.Collector.Build(ctx); err != nil {
		return run, err
	}
	if run.Prometheus, err = programs.Prometheus.Build(ctx); err != nil {
		return run, err
	}
	demo, err := stack.BuildDemo(ctx)
	if err != nil {
		return run, err
	}
	begin := time.Now()
	fmt.Fprintf(progress, "Recording %d pushes of the demo ...\n", recorded)
	if run.Recording, err = fleet.Record(ctx, demo, dir, recorded); err != nil {
		return run, err
	}
	run.Limit = s.limit - time.Since(begin)
	fmt.Fprintf(progress, "A push is %d bytes. Measuring for at most %v ...\n", run.Recording.Bytes(), run.Limit.Round(time.Second))
	return run, nil
}
