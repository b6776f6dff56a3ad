package stack

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// Run runs everything until ctx ends or the time is up, and leaves nothing behind. It fails when a program cannot be
// started or ends by itself, and then says which, why, and what can be done.
func Run(ctx context.Context, s Settings, out io.Writer) (err error) {
	if err := s.canListen(ctx); err != nil {
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
	r.introduce(out)
	return r.wait(ctx)
}

// canListen checks every address before anything is started.
func (s Settings) canListen(ctx context.Context) error {
	return errors.Join(
		canListen(ctx, "the demo", demoAddrEnv, s.Demo),
		canListen(ctx, "the Collector", collectorGRPCEnv, s.GRPC),
		canListen(ctx, "the Collector", collectorHTTPEnv, s.HTTP),
		canListen(ctx, "the Collector", collectorPageEnv, s.Page),
		canListen(ctx, "Prometheus", prometheusAddrEnv, s.Prometheus),
	)
}

// executables are the paths of the programs.
type executables struct{ demo, collector, prometheus string }

func (s Settings) build(ctx context.Context, out io.Writer) (executables, error) {
	fmt.Fprintln(out, "Building what is not built yet; the first time, Collector and Prometheus take minutes ...")
	var e executables
	var err error
	if e.demo, err = BuildDemo(ctx); err != nil {
		return e, err
	}
	if e.collector, err = Build(ctx, programs.Collector, s.CollectorProgram); err != nil {
		return e, err
	}
	e.prometheus, err = Build(ctx, programs.Prometheus, s.PrometheusProgram)
	return e, err
}

// running are the programs, in the order in which they were started.
type running struct {
	settings   Settings
	dir        string
	collector  *Collector
	prometheus *Prometheus
	demo       *Process
}

// start starts the programs, each when the ones that it needs are ready.
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
	// The demo pushes to the Collector. Scraped as well, its pool would be there twice.
	r.prometheus, err = StartPrometheus(ctx, PrometheusSettings{
		Program: e.prometheus, Config: s.PrometheusConfig, Address: s.Prometheus, Collector: r.collector.Page, Dir: r.dir,
	})
	if err != nil {
		return err
	}
	fmt.Fprintln(out, "Starting the demo on its database ...")
	if err := r.startDemo(ctx, e.demo); err != nil {
		return err
	}
	fmt.Fprintln(out, "Waiting for the first metrics to come through ...")
	return r.arrival(ctx)
}

func (r *running) startDemo(ctx context.Context, program string) (err error) {
	r.demo, err = Start(Command{
		Name: "demo", Path: program, Log: filepath.Join(r.dir, "demo.log"),
		Env: []string{
			"ADDR=" + r.settings.Demo, "DURATION=0",
			"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://" + r.collector.HTTP + "/v1/metrics",
			"OTEL_EXPORTER_OTLP_METRICS_PROTOCOL=http/protobuf",
		},
	})
	if err != nil {
		return err
	}
	return r.demo.Await(ctx, func(ctx context.Context) error {
		_, err := Get(ctx, "http://"+reachable(r.settings.Demo)+"/metrics")
		return err
	})
}

// wait waits for the end of ctx or of the time, or of a program, which is an error.
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

// stop stops the demo first, so that the others still take what it sends last.
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

// unlessEnded drops an error of something that was only cut short: to be stopped while starting is no failure.
func unlessEnded(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return nil
	}
	return err
}
