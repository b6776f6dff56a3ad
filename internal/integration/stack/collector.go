package stack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// Variables of the shipped Collector configuration.
const (
	collectorGRPCEnv = "OTLP_GRPC_ENDPOINT"
	collectorHTTPEnv = "OTLP_HTTP_ENDPOINT"
	collectorPageEnv = "PROMETHEUS_ENDPOINT"
)

// CollectorSettings say how to start a Collector.
type CollectorSettings struct {
	// Program is the executable.
	Program string

	// Config is the configuration file.
	Config string

	// GRPC and HTTP are the addresses for OTLP, and Page the address that Prometheus scrapes. The default is free
	// loopback ports. The configuration file reads them from its variables.
	GRPC, HTTP, Page string

	// Env is added to the program's environment.
	Env []string

	// Dir is a folder for the program's log.
	Dir string
}

// Collector is a running OpenTelemetry Collector.
type Collector struct {
	*Process

	// GRPC, HTTP and Page are its addresses, as this machine reaches them.
	GRPC, HTTP, Page string
}

// StartCollector checks a configuration and starts a Collector with it. It returns when the Collector accepts and
// serves metrics.
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
	if err := validate(ctx, s, env); err != nil {
		return nil, err
	}
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
	if err := c.ready(ctx, s.Config); err != nil {
		return nil, joinStop(err, process)
	}
	return c, nil
}

// ownTelemetryOff stops the Collector from serving its own metrics on a port that another Collector may use.
const ownTelemetryOff = "yaml:service::telemetry::metrics::level: none"

// validate checks the configuration with the Collector's validate command.
func validate(ctx context.Context, s CollectorSettings, env []string) error {
	cmd := exec.CommandContext(ctx, s.Program, "validate", "--config="+s.Config)
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	switch exit := (*exec.ExitError)(nil); {
	case err == nil:
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("stack: %w", context.Cause(ctx))
	case errors.As(err, &exit):
		return fmt.Errorf("stack: the Collector refuses the configuration %s; correct the named settings:\n%s", s.Config, indent(strings.TrimSpace(string(out))))
	default:
		return fmt.Errorf("stack: start %s: %w", programs.Collector, err)
	}
}

// ready waits until the Collector listens on all addresses.
func (c *Collector) ready(ctx context.Context, config string) error {
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	var elsewhere error
	err := c.Await(ctx, func(ctx context.Context) error {
		// The Collector logs that it is ready after it listens. An address that it does not listen on by then is
		// missing in the configuration.
		ready := strings.Contains(c.LastLines(100), "Everything is ready")
		err := c.listens(ctx)
		if ready && err != nil {
			elsewhere = err
			return nil
		}
		return err
	})
	if elsewhere != nil {
		return fmt.Errorf("stack: the Collector runs but does not listen on an expected address: %w. Check the endpoints in %s: want ${env:%s}, ${env:%s} and ${env:%s}",
			elsewhere, config, collectorHTTPEnv, collectorGRPCEnv, collectorPageEnv)
	}
	return err
}

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
