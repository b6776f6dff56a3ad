package collectortest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// The shipped configurations.
const (
	standalone = "collector.yaml"
	agent      = "collector-agent.yaml"
	gateway    = "collector-gateway.yaml"
)

// shipped returns the path of a configuration.
func shipped(t *testing.T, name string) string {
	t.Helper()
	root, err := programs.Root()
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "collector-config", name)
}

// commented matches the # that comments out a part of a configuration. It stands before a word or, within such a
// part, before two spaces. In an ordinary comment one space follows the #.
var commented = regexp.MustCompile(`(?m)^( *)#(\S|  )`)

// uncommented returns the path of a copy of a configuration with everything optional switched on.
func uncommented(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(shipped(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return written(t, name, commented.ReplaceAll(text, []byte("$1$2")))
}

// written returns the path of a configuration file with the text.
func written(t *testing.T, name string, text []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// collector is a running Collector.
type collector struct {
	*process
	http, grpc, page, health, telemetry string
}

// startCollector starts a Collector on free ports and waits until it accepts metrics.
func startCollector(t *testing.T, config string, env ...string) *collector {
	t.Helper()
	for {
		if c := startCollectorAt(t, freeAddress(t), config, env...); c != nil {
			return c
		}
	}
}

// startCollectorAt is startCollector with a given address for OTLP over gRPC. It returns nil if another process has
// taken an address.
func startCollectorAt(t *testing.T, grpc, config string, env ...string) *collector {
	t.Helper()
	c := &collector{http: freeAddress(t), grpc: grpc, page: freeAddress(t), health: freeAddress(t), telemetry: freeAddress(t)}
	_, port, _ := strings.Cut(c.telemetry, ":")
	env = append([]string{
		"OTLP_HTTP_ENDPOINT=" + c.http, "OTLP_GRPC_ENDPOINT=" + c.grpc, "PROMETHEUS_ENDPOINT=" + c.page,
		"HEALTH_ENDPOINT=" + c.health, "TELEMETRY_PORT=" + port,
	}, env...)
	c.process = start(t, executable(t, programs.Collector), env, "--config="+config)
	if !c.ready(t, "Everything is ready.") {
		return nil
	}
	return c
}
