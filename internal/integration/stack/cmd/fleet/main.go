// Command fleet finds out how many instances one Collector and one Prometheus on this machine can serve, and prints a
// Markdown table. It prints its progress on stderr.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack/fleet"
	"github.com/otelpool/otelpool-go/internal/programs"
)

// recorded is the number of recorded pushes of the demo. They cover its quiet and its busy time, and the first
// troubles.
const recorded = 16

func main() {
	s := fleet.Settings{Steps: []int{100, 250, 500, 1000, 1500, 2000, 3000, 4000}}
	flag.DurationVar(&s.Limit, "for", 3*time.Minute, "time limit, without building")
	flag.DurationVar(&s.Interval, "interval", 10*time.Second, "between two pushes of an instance, and between two scrapes")
	memory := flag.Int64("memory", 8192, "memory limit of Collector, Prometheus and generator together, in MiB")
	flag.Func("steps", "instances, step by step, such as 100,200,400 (default 100 to 4000)", func(text string) (err error) {
		s.Steps, err = numbers(text)
		return err
	})
	flag.Parse()
	if flag.NArg() > 0 {
		fmt.Fprintf(os.Stderr, "fleet: unknown argument %q (-h lists the flags)\n", flag.Arg(0))
		os.Exit(1)
	}
	s.Memory = *memory << 20
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if err := measure(ctx, s); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func numbers(text string) (all []int, err error) {
	for field := range strings.SplitSeq(text, ",") {
		n, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		all = append(all, n)
	}
	return all, nil
}

func measure(ctx context.Context, s fleet.Settings) (err error) {
	if s.Dir, err = os.MkdirTemp("", "otelpool-fleet-"); err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(s.Dir)) }()
	if err := prepare(ctx, &s); err != nil {
		return err
	}
	result, err := fleet.Run(ctx, s, func(step fleet.Step) { fmt.Fprintln(os.Stderr, step.Line()) })
	if err != nil {
		return err
	}
	return fleet.Report(os.Stdout, s, result)
}

func prepare(ctx context.Context, s *fleet.Settings) error {
	root, err := programs.Root()
	if err != nil {
		return err
	}
	s.CollectorConfig = filepath.Join(root, "collector-config", "collector.yaml")
	s.PrometheusConfig = filepath.Join(root, "collector-config", "prometheus", "prometheus.yml")
	// The limits of the shipped configuration are smaller than a machine's memory.
	s.CollectorEnv = []string{
		fmt.Sprintf("MEMORY_LIMIT_MIB=%d", s.Memory>>21), fmt.Sprintf("MEMORY_SPIKE_MIB=%d", s.Memory>>23),
		fmt.Sprintf("GOMEMLIMIT=%dMiB", s.Memory>>21*8/10),
	}
	fmt.Fprintln(os.Stderr, "Building what is missing or has changed; the first time, Collector and Prometheus take minutes ...")
	if s.Collector, err = programs.Collector.Build(ctx); err != nil {
		return err
	}
	if s.Prometheus, err = programs.Prometheus.Build(ctx); err != nil {
		return err
	}
	demo, err := programs.Demo.Build(ctx)
	if err != nil {
		return err
	}
	begin := time.Now()
	fmt.Fprintf(os.Stderr, "Recording %d pushes of the demo ...\n", recorded)
	if s.Recording, err = fleet.Record(ctx, demo, s.Dir, recorded); err != nil {
		return err
	}
	s.Limit -= time.Since(begin)
	fmt.Fprintf(os.Stderr, "A push is %d bytes. Measuring for at most %v ...\n", s.Recording.Bytes(), s.Limit.Round(time.Second))
	return nil
}
