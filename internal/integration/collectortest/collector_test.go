package collectortest_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// The shipped configurations.
const (
	standalone = "collector.yaml"
	agent      = "collector-agent.yaml"
	gateway    = "collector-gateway.yaml"
)

// commented matches the # that comments out a part of a configuration. It stands before a word or, within such a
// part, before two spaces. In an ordinary comment one space follows the #.
var commented = regexp.MustCompile(`(?m)^( *)#(\S|  )`)

// uncommented returns the path of a copy of a configuration with everything optional switched on.
func uncommented(t *testing.T, name string) string {
	t.Helper()
	text := stacktest.ReadShipped(t, name)
	return written(t, name, commented.ReplaceAllString(text, "$1$2"))
}

func written(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	testutil.NoError(t, os.WriteFile(path, []byte(text), 0o600))
	return path
}

type collector struct {
	*stack.Process
	http, grpc, page, health, telemetry string
}

// startCollector starts a Collector on free ports and waits until it accepts metrics.
func startCollector(t *testing.T, config string, env ...string) *collector {
	t.Helper()
	for {
		if c := startCollectorAt(t, stacktest.FreeAddress(t), config, env...); c != nil {
			return c
		}
	}
}

// startCollectorAt is startCollector with a given address for OTLP over gRPC. It returns nil if another process has
// taken an address.
func startCollectorAt(t *testing.T, grpc, config string, env ...string) *collector {
	t.Helper()
	c := &collector{
		http: stacktest.FreeAddress(t), grpc: grpc, page: stacktest.FreeAddress(t),
		health: stacktest.FreeAddress(t), telemetry: stacktest.FreeAddress(t),
	}
	_, port, _ := strings.Cut(c.telemetry, ":")
	env = append([]string{
		"OTLP_HTTP_ENDPOINT=" + c.http, "OTLP_GRPC_ENDPOINT=" + c.grpc, "PROMETHEUS_ENDPOINT=" + c.page,
		"HEALTH_ENDPOINT=" + c.health, "TELEMETRY_PORT=" + port,
	}, env...)
	c.Process = stacktest.Start(t, programs.Collector, env, "--config="+config)
	if !stacktest.Ready(t, c.Process, "Everything is ready.") {
		return nil
	}
	return c
}

func (c *collector) stop(t *testing.T) {
	t.Helper()
	testutil.NoError(t, c.Stop())
}

// read returns the page of the Collector, without the labels of the service's identity.
func (c *collector) read(t *testing.T) page {
	t.Helper()
	return read(t, "http://"+c.page+"/metrics", identityLabels)
}

func (c *collector) series(t *testing.T) func() map[string]float64 {
	return func() map[string]float64 { return c.read(t).series }
}
