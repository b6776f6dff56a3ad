// Command fleet measures how many instances one Collector and one Prometheus on this machine can serve; see its -h.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/otelpool/otelpool-go/internal/integration/stack/fleet"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

// run runs the load test and returns the exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	s, err := newSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, help)
		return 0
	}
	if err == nil {
		err = measure(ctx, s, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}

// measure runs the load test. It prints its progress on stderr and its table on stdout.
func measure(ctx context.Context, s settings, stdout, stderr io.Writer) (err error) {
	dir, err := os.MkdirTemp("", "otelpool-fleet-")
	if err != nil {
		return fmt.Errorf("fleet: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	run, err := s.prepare(ctx, dir, stderr)
	if err != nil {
		return err
	}
	result, err := fleet.Run(ctx, run, func(step fleet.Step) { fmt.Fprintln(stderr, step.Line()) })
	if err != nil {
		return err
	}
	return fleet.Report(stdout, run, result)
}
