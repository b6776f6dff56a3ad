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
	demoAddrEnv       = "ADDR"
	prometheusAddrEnv = "PROMETHEUS_ADDR"
	durationEnv       = "DURATION"
	prometheusEnv     = "PROMETHEUS"
)

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
  PROMETHEUS           a Prometheus 3 to run (default: built from source, without pages of its own)
`

// Settings are the user's settings.
type Settings struct {
	Demo, GRPC, HTTP, Page, Prometheus string // addresses to listen on
	CollectorConfig, PrometheusConfig  string // the shipped files
	PrometheusProgram                  string // if empty, it is built from source

	Duration time.Duration // how long to run; 0 for until the context ends
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
		CollectorConfig:   filepath.Join(root, "collector-config", "collector.yaml"),
		PrometheusConfig:  filepath.Join(root, "collector-config", "prometheus", "prometheus.yml"),
		PrometheusProgram: r.file(prometheusEnv),
		Duration:          r.duration(durationEnv),
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

func (r *reader) file(name string) string {
	value := strings.TrimSpace(r.getenv(name))
	if info, err := os.Stat(value); value != "" && (err != nil || info.IsDir()) {
		r.reject("%s is %q: no such file (correct the path, or leave %s empty)", name, value, name)
	}
	return value
}

func (r *reader) duration(name string) time.Duration {
	value := strings.TrimSpace(r.getenv(name))
	if value == "" {
		return 0
	}
	d, err := time.ParseDuration(value)
	if err != nil || d < 0 {
		r.reject("%s is %q: want a time such as 30s or 10m", name, value)
	}
	return d
}
