package stack

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// Variables of [NewSettings], in addition to those of the Collector's configuration.
const (
	demoAddrEnv         = "ADDR"
	prometheusAddrEnv   = "PROMETHEUS_ADDR"
	durationEnv         = "DURATION"
	collectorConfigEnv  = "COLLECTOR_CONFIG"
	prometheusConfigEnv = "PROMETHEUS_CONFIG"
	collectorEnv        = "COLLECTOR"
	prometheusEnv       = "PROMETHEUS"
	arrivalTimeoutEnv   = "PATIENCE"
)

// defaultArrivalTimeout is enough for a few pushes and scrapes on a busy machine.
const defaultArrivalTimeout = 2 * time.Minute

// Help is the usage text of the command.
const Help = `Runs the demo on its database, an OpenTelemetry Collector and Prometheus side by side, until Ctrl-C.

Environment variables:
  DURATION             how long to run, such as 30s or 10m (default 0: until Ctrl-C)
  DATABASE_URL         a PostgreSQL server for the demo; without it a throwaway one is started
  ADDR                 where the demo listens (default 127.0.0.1:9464)
  ` + collectorGRPCEnv + `   where the Collector takes OTLP over gRPC (default 127.0.0.1:4317)
  ` + collectorHTTPEnv + `   where the Collector takes OTLP over HTTP (default 127.0.0.1:4318)
  ` + collectorPageEnv + `  where Prometheus scrapes the Collector (default 127.0.0.1:8889)
  PROMETHEUS_ADDR      where Prometheus listens (default 127.0.0.1:9090)
  COLLECTOR_CONFIG     the Collector's configuration (default collector-config/collector.yaml)
  PROMETHEUS_CONFIG    Prometheus' configuration (default collector-config/prometheus/prometheus.yml)
  COLLECTOR            a Collector to run (default: built from source)
  PROMETHEUS           a Prometheus 3 to run (default: built from source, without pages of its own)
  PATIENCE             how long the first metrics may take from the demo to Prometheus (default 2m)
`

// Settings are the user's settings.
type Settings struct {
	// Demo, GRPC, HTTP, Page and Prometheus are the addresses to listen on.
	Demo, GRPC, HTTP, Page, Prometheus string

	// CollectorConfig and PrometheusConfig are the configuration files.
	CollectorConfig, PrometheusConfig string

	// CollectorProgram and PrometheusProgram are executables. If empty, they are built from source.
	CollectorProgram, PrometheusProgram string

	// Duration is how long to run. If it is 0, the stack runs until the context ends.
	Duration time.Duration

	// ArrivalTimeout is how long the first metrics may take from the demo to Prometheus.
	ArrivalTimeout time.Duration
}

// NewSettings reads the environment. An empty variable counts as not set. The error lists all invalid values.
func NewSettings(getenv func(string) string) (Settings, error) {
	root, err := programs.Root()
	if err != nil {
		return Settings{}, err
	}
	r := reader{getenv: getenv}
	s := Settings{
		Demo:              r.address(demoAddrEnv, "127.0.0.1:9464"),
		GRPC:              r.address(collectorGRPCEnv, "127.0.0.1:4317"),
		HTTP:              r.address(collectorHTTPEnv, "127.0.0.1:4318"),
		Page:              r.address(collectorPageEnv, "127.0.0.1:8889"),
		Prometheus:        r.address(prometheusAddrEnv, "127.0.0.1:9090"),
		CollectorConfig:   r.file(collectorConfigEnv, filepath.Join(root, "collector-config", "collector.yaml")),
		PrometheusConfig:  r.file(prometheusConfigEnv, filepath.Join(root, "collector-config", "prometheus", "prometheus.yml")),
		CollectorProgram:  r.file(collectorEnv, ""),
		PrometheusProgram: r.file(prometheusEnv, ""),
		Duration:          r.duration(durationEnv, 0),
		ArrivalTimeout:    r.duration(arrivalTimeoutEnv, defaultArrivalTimeout),
	}
	if err := errors.Join(r.errs...); err != nil {
		return Settings{}, err
	}
	return s, nil
}

// reader reads variables and collects the errors.
type reader struct {
	getenv func(string) string
	errs   []error
}

func (r *reader) reject(format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("stack: "+format, args...))
}

func (r *reader) address(name, fallback string) string {
	value := strings.TrimSpace(r.getenv(name))
	if value == "" {
		return fallback
	}
	_, port, err := net.SplitHostPort(value)
	if n, convErr := strconv.ParseUint(port, 10, 16); err != nil || convErr != nil || n == 0 {
		r.reject("%s is %q: want host:port, such as %s", name, value, fallback)
	}
	return value
}

// file reads the path of a file, which must exist.
func (r *reader) file(name, fallback string) string {
	value := strings.TrimSpace(r.getenv(name))
	if value == "" {
		value = fallback
	}
	if value == "" {
		return ""
	}
	if info, err := os.Stat(value); err != nil || info.IsDir() {
		r.reject("%s is %q: no such file (correct the path, or leave %s empty)", name, value, name)
	}
	return value
}

func (r *reader) duration(name string, fallback time.Duration) time.Duration {
	value := strings.TrimSpace(r.getenv(name))
	if value == "" {
		return fallback
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		r.reject("%s is %q: want a time such as 30s or 10m", name, value)
	}
	return d
}
