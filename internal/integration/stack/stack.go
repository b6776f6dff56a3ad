package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// Run runs the stack until ctx ends or the time is up, and stops all programs. It returns an error if a program
// cannot be started or ends by itself. The error says which program, why, and what to do.
func Run(ctx context.Context, s Settings, out io.Writer) (err error) {
	if err := s.checkListen(ctx); err != nil {
		return err
	}
	executables, err := s.build(ctx, out)
	if err != nil {
		return unlessEnded(ctx, err)
	}
	dir, err := os.MkdirTemp("", "otelpool-stack-")
	if err != nil {
		return fmt.Errorf("stack: %w", err)
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()

	r := &running{settings: s, dir: dir}
	defer func() { err = errors.Join(err, r.stop(out)) }()
	if err := r.start(ctx, executables, out); err != nil {
		return unlessEnded(ctx, err)
	}
	r.printAddresses(out)
	return r.wait(ctx)
}

// checkListen checks every address before any program is started.
func (s Settings) checkListen(ctx context.Context) error {
	return errors.Join(
		checkListen(ctx, "the demo", demoAddrEnv, s.Demo),
		checkListen(ctx, "the Collector", collectorGRPCEnv, s.GRPC),
		checkListen(ctx, "the Collector", collectorHTTPEnv, s.HTTP),
		checkListen(ctx, "the Collector", collectorPageEnv, s.Page),
		checkListen(ctx, "Prometheus", prometheusAddrEnv, s.Prometheus),
	)
}

type executables struct{ demo, collector, prometheus string }

func (s Settings) build(ctx context.Context, out io.Writer) (executables, error) {
	fmt.Fprintln(out, "Building what is missing or has changed; the first time, Collector and Prometheus take minutes ...")
	var e executables
	var err error
	if e.demo, err = programs.Demo.Build(ctx); err != nil {
		return e, err
	}
	if e.collector, err = programs.Collector.Build(ctx); err != nil {
		return e, err
	}
	if e.prometheus = s.PrometheusProgram; e.prometheus == "" {
		e.prometheus, err = programs.Prometheus.Build(ctx)
	}
	return e, err
}

// running holds the programs in the order in which they were started.
type running struct {
	settings   Settings
	dir        string
	collector  *Collector
	prometheus *Prometheus
	demo       *Demo
}

// start starts the programs, each when those that it needs are ready.
func (r *running) start(ctx context.Context, e executables, out io.Writer) (err error) {
	s := r.settings
	fmt.Fprintln(out, "Starting the Collector ...")
	r.collector, err = StartCollector(ctx, CollectorSettings{
		Program: e.collector, Config: s.CollectorConfig, GRPC: s.GRPC, HTTP: s.HTTP, Page: s.Page, Dir: r.dir,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Starting Prometheus ...")
	// The demo pushes to the Collector. If it were scraped too, its pool would count twice.
	r.prometheus, err = StartPrometheus(ctx, PrometheusSettings{
		Program: e.prometheus, Config: s.PrometheusConfig, Address: s.Prometheus, Collector: r.collector.Page, Dir: r.dir,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Starting the demo on its database ...")
	r.demo, err = StartDemo(ctx, DemoSettings{Program: e.demo, Address: s.Demo, Dir: r.dir, Env: []string{
		"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://" + r.collector.HTTP + "/v1/metrics",
		"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf",
	}})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Waiting for the first metrics ...")
	return r.waitForMetrics(ctx)
}

// arrivalTimeout is enough for a few pushes and scrapes on a busy machine.
const arrivalTimeout = 2 * time.Minute

func (r *running) waitForMetrics(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, arrivalTimeout)
	defer cancel()
	return r.demo.Await(ctx, func(ctx context.Context) error {
		samples, err := r.prometheus.Query(ctx, "db_pool_size")
		if err == nil && len(samples) == 0 {
			err = errors.New("stack: Prometheus has no db_pool_size")
		}
		return err
	})
}

// wait waits until ctx ends or the time is up. It returns an error if a program ends first.
func (r *running) wait(ctx context.Context) error {
	var up <-chan time.Time
	if r.settings.Duration > 0 {
		timer := time.NewTimer(r.settings.Duration)
		defer timer.Stop()
		up = timer.C
	}
	select {
	case <-ctx.Done():
		return nil
	case <-up:
		return nil
	case <-r.collector.Done():
		return r.collector.Ended()
	case <-r.prometheus.Done():
		return r.prometheus.Ended()
	case <-r.demo.Done():
		return r.demo.Ended()
	}
}

// stop stops the demo first, so that the others receive its last push.
func (r *running) stop(out io.Writer) error {
	fmt.Fprintln(out, "Stopping ...")
	var errs []error
	if r.demo != nil {
		errs = append(errs, r.demo.Stop())
	}
	if r.collector != nil {
		errs = append(errs, r.collector.Stop())
	}
	if r.prometheus != nil {
		errs = append(errs, r.prometheus.Stop())
	}
	return errors.Join(errs...)
}

// unlessEnded returns nil if ctx has ended, because stopping during the start is not an error.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
