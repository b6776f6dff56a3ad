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
func StartCollector(ctx context.Context, s CollectorSettings) (*Collector, error) {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	c := &Collector{}
	var err error
	c.Process, err = startOnFree(func() (*Process, error) {
		c.GRPC, c.HTTP, c.Page = reachable(s.GRPC), reachable(s.HTTP), reachable(s.Page)
		return StartReady(ctx, Command{
			Name: programs.Collector.String(),
			Path: s.Program,
			Args: []string{"--config=" + s.Config, "--config=" + ownTelemetryOff},
			Env: append([]string{
				collectorGRPCEnv + "=" + s.GRPC, collectorHTTPEnv + "=" + s.HTTP, collectorPageEnv + "=" + s.Page,
			}, s.Env...),
			Log: filepath.Join(s.Dir, "collector.log"),
		}, c.listens)
	}, &s.GRPC, &s.HTTP, &s.Page)
	if err != nil {
		return nil, err
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
	if err := serves("http://" + c.Page + "/metrics")(ctx); err != nil {
		return fmt.Errorf("the page that Prometheus scrapes: %w", err)
	}
	return nil
}
