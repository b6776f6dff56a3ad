package stack

import (
	"context"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// Variables of the shipped Collector configuration.
const (
	collectorGRPCEnv = "OTLP_GRPC_ENDPOINT"
	collectorHTTPEnv = "OTLP_HTTP_ENDPOINT"
	collectorPageEnv = "PROMETHEUS_ENDPOINT"
)

// CollectorSettings say how to start a Collector. The configuration file reads the addresses from its variables.
type CollectorSettings struct {
	Program, Config  string
	GRPC, HTTP, Page string   // addresses for OTLP, and the one that Prometheus scrapes; the default is free loopback ports
	Env              []string // added to the program's environment
	Dir              string   // for the program's log
}

// Collector is a running OpenTelemetry Collector.
type Collector struct {
	*Process
	GRPC, HTTP, Page string // its addresses, as this machine reaches them
}

// StartCollector starts a Collector, and waits until it accepts and serves metrics.
func StartCollector(ctx context.Context, s CollectorSettings) (c *Collector, err error) {
	err = startOnFree(func() (err error) {
		c, err = startCollector(ctx, s)
		return err
	}, &s.GRPC, &s.HTTP, &s.Page)
	return c, err
}

func startCollector(ctx context.Context, s CollectorSettings) (*Collector, error) {
	env := append([]string{
		collectorGRPCEnv + "=" + s.GRPC, collectorHTTPEnv + "=" + s.HTTP, collectorPageEnv + "=" + s.Page,
	}, s.Env...)
	process, err := Start(Command{
		Name: programs.Collector.String(),
		Path: s.Program,
		Args: []string{"--config=" + s.Config, "--config=" + ownTelemetryOff},
		Env:  env,
		Log:  filepath.Join(s.Dir, "collector.log"),
	})
	if err != nil {
		return nil, err
	}
	c := &Collector{Process: process, GRPC: reachable(s.GRPC), HTTP: reachable(s.HTTP), Page: reachable(s.Page)}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if err := c.Await(ctx, c.listens); err != nil {
		return nil, joinStop(err, process)
	}
	return c, nil
}

// ownTelemetryOff stops the Collector from serving its own metrics on a port that another Collector may use.
const ownTelemetryOff = "yaml:service::telemetry::metrics::level: none"

// listens returns an error that names an address that the Collector does not listen on.
func (c *Collector) listens(ctx context.Context) error {
	for what, address := range map[string]string{"OTLP over gRPC": c.GRPC, "OTLP over HTTP": c.HTTP} {
		conn, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err != nil {
			return fmt.Errorf("%s: %w", what, err)
		}
		_ = conn.Close()
	}
	if _, err := Get(ctx, "http://"+c.Page+"/metrics"); err != nil {
		return fmt.Errorf("the page that Prometheus scrapes: %w", err)
	}
	return nil
}
