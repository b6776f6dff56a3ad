package collectortest_test

import (
	"net"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// validate returns the Collector's output on a configuration.
func validate(t *testing.T, config string, env ...string) (string, error) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), stacktest.Program(t, programs.Collector), "validate", "--config="+config)
	cmd.Env = append(cmd.Environ(), env...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func TestEveryConfigurationIsValid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{standalone, agent, gateway} {
		for what, config := range map[string]string{"as it is": stacktest.Shipped(t, name), "with everything optional": uncommented(t, name)} {
			if out, err := validate(t, config); err != nil {
				t.Errorf("%s %s: %v\n%s", name, what, err, out)
			}
		}
	}
}

func TestUncommentingEnablesOptionalParts(t *testing.T) {
	t.Parallel()
	for name, want := range map[string][]string{
		standalone: {"\n  otlp_http/onward:", "\n  prometheus_remote_write/onward:", "\n        - prometheus_remote_write/onward", "\n    metrics/onward:", "\n    traces:", "\n    logs:"},
		agent:      {"\n    traces:", "\n    logs:"},
		gateway:    {"\n  transform/constants:", "\n  transform/buckets:", "\n  transform/operations:", "\n        - transform/operations"},
	} {
		text, err := os.ReadFile(uncommented(t, name))
		if err != nil {
			t.Fatal(err)
		}
		for _, part := range want {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no %q when everything is switched on", name, part)
			}
		}
	}
}

func TestBadConfigurationIsRefusedWithReason(t *testing.T) {
	t.Parallel()
	replace := func(name, old, with string) string {
		text, err := os.ReadFile(stacktest.Shipped(t, name))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), old) {
			t.Fatalf("%s has no %q", name, old)
		}
		return written(t, name, []byte(strings.Replace(string(text), old, with, 1)))
	}
	for what, test := range map[string]struct {
		config string
		env    []string
		want   string
	}{
		"unknown key":           {config: replace(standalone, "metric_expiration:", "metric_expirations:"), want: "metric_expirations"},
		"unknown component":     {config: replace(standalone, "  batch:", "  batsch:"), want: `unknown type: "batsch"`},
		"unknown in pipeline":   {config: replace(standalone, "- transform/pool_finish", "- transform/pool_end"), want: `references processor "transform/pool_end" which is not configured`},
		"broken statement":      {config: replace(gateway, "keep_keys(resource.attributes", "keep_key(resource.attributes"), want: "keep_key"},
		"endpoint is no target": {config: stacktest.Shipped(t, agent), env: []string{"GATEWAY_ENDPOINT=gateways"}, want: "missing port in address"},
		"limit is no number":    {config: stacktest.Shipped(t, standalone), env: []string{"MEMORY_LIMIT_MIB=much"}, want: "limit_mib"},
		"not a duration":        {config: stacktest.Shipped(t, standalone), env: []string{"METRIC_EXPIRATION=soon"}, want: "metric_expiration"},
	} {
		out, err := validate(t, test.config, test.env...)
		if err == nil || !strings.Contains(out, test.want) {
			t.Errorf("%s: %v, want an error with %q:\n%s", what, err, test.want, out)
		}
	}
}

func TestCollectorReportsAddressInUse(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for _, variable := range []string{"OTLP_HTTP_ENDPOINT", "OTLP_GRPC_ENDPOINT", "PROMETHEUS_ENDPOINT"} {
		for address, want := range map[string]string{
			taken.Addr().String(): taken.Addr().String() + ": bind: address already in use",
			"127.0.0.1:99999":     "99999",
		} {
			env := []string{
				"OTLP_HTTP_ENDPOINT=127.0.0.1:0", "OTLP_GRPC_ENDPOINT=127.0.0.1:0", "PROMETHEUS_ENDPOINT=127.0.0.1:0", "TELEMETRY_PORT=0", variable + "=" + address,
			}
			p := stacktest.Start(t, programs.Collector, env, "--config="+stacktest.Shipped(t, standalone))
			testutil.Within(t, stacktest.WaitLimit, "the Collector to end", func() bool { return p.Ended() != nil })
			if err := p.Ended(); !strings.Contains(err.Error(), "exit status 1") || !strings.Contains(p.LastLines(100), want) {
				t.Errorf("%s=%s: %v, want a failure with %q", variable, address, err, want)
			}
		}
	}
}

func TestCollectorListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	endpoint := regexp.MustCompile(`(?m)^ *endpoint: (.*)$`)
	for _, name := range []string{standalone, agent, gateway} {
		text, err := os.ReadFile(stacktest.Shipped(t, name))
		if err != nil {
			t.Fatal(err)
		}
		endpoints := endpoint.FindAllStringSubmatch(string(text), -1)
		if len(endpoints) < 3 {
			t.Errorf("%s: found the endpoints %v only", name, endpoints)
		}
		for _, found := range endpoints {
			if !regexp.MustCompile(`^\$\{env:[A-Z_]+:-(http://)?127\.0\.0\.1:\d+(/.*)?\}$`).MatchString(found[1]) {
				t.Errorf("%s: endpoint %s: want ${env:NAME:-127.0.0.1:port}", name, found[1])
			}
		}
		if !strings.Contains(string(text), "host: ${env:TELEMETRY_HOST:-127.0.0.1}\n") {
			t.Errorf("%s: its own metrics listen elsewhere", name)
		}
	}
}
