package stack

import (
	"context"
	"path/filepath"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// PrometheusSettings say how Prometheus is started.
type PrometheusSettings struct {
	// Program is the executable.
	Program string

	// Config is the configuration file. It is used as it is, except for what the fields below change.
	Config string

	// Address is where Prometheus listens, by default a free loopback port.
	Address string

	// Collector and Service are the addresses of what Prometheus scrapes, in place of those that the configuration file has
	// on their usual ports. What is empty is not scraped.
	Collector, Service string

	// Interval replaces the times between scrapes, and between evaluations of rules, where it is not 0.
	Interval time.Duration

	// Dir is a folder for the program's data and its log.
	Dir string
}

// Prometheus is a Prometheus server that is ready.
type Prometheus struct {
	*Process

	// URL is where it is reached.
	URL string
}

// StartPrometheus starts a Prometheus server that takes OTLP too, and waits until it is ready.
func StartPrometheus(ctx context.Context, s PrometheusSettings) (p *Prometheus, err error) {
	err = startOnFree(func() (err error) {
		p, err = startPrometheus(ctx, s)
		return err
	}, &s.Address)
	return p, err
}

func startPrometheus(ctx context.Context, s PrometheusSettings) (*Prometheus, error) {
	config, err := derive(s)
	if err != nil {
		return nil, err
	}
	process, err := Start(Command{
		Name: programs.Prometheus.String(),
		Path: s.Program,
		Args: []string{
			"--config.file=" + config,
			"--storage.tsdb.path=" + filepath.Join(s.Dir, "data"),
			"--web.listen-address=" + s.Address,
			"--web.enable-otlp-receiver",
			"--enable-feature=exemplar-storage",
			"--log.level=warn",
		},
		Log: filepath.Join(s.Dir, "prometheus.log"),
	})
	if err != nil {
		return nil, err
	}
	p := &Prometheus{Process: process, URL: "http://" + reachable(s.Address)}
	if err := p.ready(ctx); err != nil {
		return nil, joinStop(err, process)
	}
	return p, nil
}

func (p *Prometheus) ready(ctx context.Context) error {
	return p.Await(ctx, func(ctx context.Context) error {
		_, err := Get(ctx, p.URL+"/-/ready")
		return err
	})
}

// OTLP gives the URL that takes metrics over OTLP.
func (p *Prometheus) OTLP() string { return p.URL + "/api/v1/otlp/v1/metrics" }
