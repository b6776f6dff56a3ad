package stack

import (
	"context"
	"path/filepath"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// PrometheusSettings say how to start Prometheus. Non-zero fields override its configuration file.
type PrometheusSettings struct {
	Program, Config string
	Address         string // to listen on; the default is a free loopback port

	// Collector and Service are the addresses to scrape. They replace the targets on the usual ports in the
	// configuration file. An empty one is not scraped.
	Collector, Service string

	Interval time.Duration // replaces the intervals of scrapes and rule evaluations, unless it is 0
	Args     []string      // further arguments of the program
	Dir      string        // for the program's data and its log
}

// Prometheus is a running Prometheus server.
type Prometheus struct {
	*Process
	URL string
}

// StartPrometheus starts a Prometheus server that also accepts OTLP, and waits until it is ready.
func StartPrometheus(ctx context.Context, s PrometheusSettings) (*Prometheus, error) {
	config, err := derive(s)
	if err != nil {
		return nil, err
	}
	process, err := startOnFree(func() (*Process, error) {
		return StartReady(ctx, Command{
			Name: programs.Prometheus.String(),
			Path: s.Program,
			Args: append([]string{
				"--config.file=" + config,
				"--storage.tsdb.path=" + filepath.Join(s.Dir, "data"),
				"--web.listen-address=" + s.Address,
				"--web.enable-otlp-receiver",
				"--enable-feature=exemplar-storage",
				"--log.level=warn",
			}, s.Args...),
			Log: filepath.Join(s.Dir, "prometheus.log"),
		}, serves("http://"+reachable(s.Address)+"/-/ready"))
	}, &s.Address)
	if err != nil {
		return nil, err
	}
	return &Prometheus{process, "http://" + reachable(s.Address)}, nil
}

// OTLP returns the URL for metrics over OTLP.
func (p *Prometheus) OTLP() string { return p.URL + "/api/v1/otlp/v1/metrics" }
