// Command capacity recommends a size for a connection pool, with its reasons. It takes the load from flags, from two
// scrapes of the /metrics page of a service with an instrumented pool, or from a Prometheus server that scrapes such
// services.
//
//	go -C examples run ./capacity -rate 100 -hold 50ms -size 6
//	go -C examples run ./capacity -metrics http://127.0.0.1:9464/metrics
//	go -C examples run ./capacity -prometheus http://127.0.0.1:9090 -window 1h -max-connections 100
//
// The exit code is 0 with a recommendation, 1 if nothing could be measured, and 2 if the flags are invalid; go run makes 1
// of both failures.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
)

const (
	requestTimeout = 30 * time.Second
	maxAnswer      = 32 << 20 // bytes, after decompression
	maxText        = 200      // characters of what a server says
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code := run(ctx, os.Args[1:], os.Stdout, os.Stderr, newEnvironment())
	stop()
	os.Exit(code)
}

// environment holds the dependencies of the program. Tests put load on a pool while the program waits.
type environment struct {
	client *http.Client
	now    func() time.Time
	wait   func(context.Context, time.Duration) error
}

func newEnvironment() environment {
	return environment{client: fetch.NewClient(requestTimeout), now: time.Now, wait: func(ctx context.Context, d time.Duration) error {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(d):
			return nil
		}
	}}
}

// run runs the program and returns its exit code.
func run(ctx context.Context, args []string, stdout, stderr io.Writer, w environment) int {
	s, err := newSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err != nil {
		fmt.Fprintln(stderr, "capacity:", err)
		return 2
	}
	measurements, err := w.measure(ctx, s)
	if err != nil {
		fmt.Fprintln(stderr, "capacity:", err)
		return 1
	}
	r, ok := newReport(s, measurements)
	if s.json {
		err = r.writeJSON(stdout)
	} else {
		err = r.writeText(stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "capacity:", err)
		return 1
	}
	if !ok {
		return 1
	}
	return 0
}

// measure returns a measurement of each pool.
func (w environment) measure(ctx context.Context, s settings) ([]measurement, error) {
	var measurements []measurement
	var err error
	switch {
	case s.metrics != nil:
		measurements, err = w.readPage(ctx, s.metrics, s.interval)
	case s.prometheus != nil:
		measurements, err = w.queryPrometheus(ctx, s.prometheus, s.window)
	default:
		return []measurement{{load: s.load, size: s.size, overflow: s.overflow, instances: 1}}, nil
	}
	if err != nil {
		return nil, err
	}
	return selectPool(measurements, s.pool)
}
