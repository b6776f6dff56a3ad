package collectortest_test

import (
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/exporters/otlp"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestAgentAndGatewayUseDifferentPorts(t *testing.T) {
	t.Parallel()
	// The ports that a Collector listens on. The other addresses are those that it sends to.
	listens := regexp.MustCompile(`(?:(?:OTLP_GRPC|OTLP_HTTP|HEALTH|PROMETHEUS)_ENDPOINT:-127\.0\.0\.1:|TELEMETRY_PORT:-)(\d+)`)
	ports := func(name string) map[string]bool {
		text := stacktest.ReadShipped(t, name)
		found := map[string]bool{}
		for _, match := range listens.FindAllStringSubmatch(text, -1) {
			found[match[1]] = true
		}
		return found
	}
	agent, gateway := ports(agent), ports(gateway)
	if len(agent) != 4 || len(gateway) != 3 {
		t.Errorf("the agent listens on %v, the gateway on %v", agent, gateway)
	}
	for port := range agent {
		if gateway[port] {
			t.Errorf("both listen on port %s", port)
		}
	}
}

// The alerts on Collectors read these names.
func TestCollectorReportsRefusedAndUnsentData(t *testing.T) {
	t.Parallel()
	text := stacktest.ReadShipped(t, gateway)
	const retry = "    retry_on_failure:\n"
	if !strings.Contains(text, retry) {
		t.Fatalf("the gateway has no %q", retry)
	}
	impatient := written(t, gateway, strings.Replace(text, retry, retry+"      enabled: false\n", 1))
	for name, test := range map[string]struct {
		collector *collector
		want      []string
	}{
		"no store": {
			collector: startCollector(t, impatient, "REMOTE_WRITE_URL=http://127.0.0.1:1"),
			want:      []string{"otelcol_exporter_queue_capacity", "otelcol_exporter_queue_size", "otelcol_exporter_send_failed_metric_points"},
		},
		"no memory": {
			collector: startCollector(t, stacktest.Shipped(t, standalone), "MEMORY_LIMIT_MIB=2", "MEMORY_SPIKE_MIB=1"),
			want:      []string{"otelcol_process_memory_rss", "otelcol_receiver_refused_metric_points"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			provider := newTelemetry(t, otlp.ProtocolGRPC, "http://"+test.collector.grpc, identity()...)
			upDown(t, provider.Meter("example.com/orders"), "orders", 1, poolNamed("main", ""))
			var served page
			testutil.Within(t, stacktest.WaitLimit, "the Collector's own metrics to tell", func() bool {
				_ = provider.ForceFlush(t.Context()) // the Collector may refuse it
				served = read(t, "http://"+test.collector.telemetry+"/metrics", nil)
				return !slices.ContainsFunc(test.want, func(name string) bool { _, has := served.metrics[name]; return !has })
			})
		})
	}
}

// A service that sets OTEL_EXPORTER_OTLP_ENDPOINT pushes its traces to the same address.
func TestTracesAreTakenIfPipelineIsEnabled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		config string
		want   int
	}{
		"as it is":                       {stacktest.Shipped(t, standalone), http.StatusNotFound},
		"with everything optional":       {uncommented(t, standalone), http.StatusOK},
		"agent with everything optional": {uncommented(t, agent), http.StatusOK},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := startCollector(t, test.config)
			response, err := http.Post("http://"+c.http+"/v1/traces", "application/x-protobuf", http.NoBody)
			testutil.NoError(t, err)
			testutil.NoError(t, response.Body.Close())
			if response.StatusCode != test.want {
				t.Errorf("status %s, want %d", response.Status, test.want)
			}
		})
	}
}
