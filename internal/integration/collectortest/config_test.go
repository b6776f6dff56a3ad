package collectortest_test

import (
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestEveryConfigurationIsValid(t *testing.T) {
	t.Parallel()
	for _, name := range []string{standalone, agent, gateway} {
		for what, config := range map[string]string{"as it is": stacktest.Shipped(t, name), "with everything optional": uncommented(t, name)} {
			if out, err := exec.Command(stacktest.Program(t, programs.Collector), "validate", "--config="+config).CombinedOutput(); err != nil {
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
		testutil.NoError(t, err)
		for _, part := range want {
			if !strings.Contains(string(text), part) {
				t.Errorf("%s has no %q when everything is switched on", name, part)
			}
		}
	}
}

func TestCollectorListensOnLoopbackOnly(t *testing.T) {
	t.Parallel()
	endpoint := regexp.MustCompile(`(?m)^ *endpoint: (.*)$`)
	for _, name := range []string{standalone, agent, gateway} {
		text := stacktest.ReadShipped(t, name)
		endpoints := endpoint.FindAllStringSubmatch(text, -1)
		if len(endpoints) < 3 {
			t.Errorf("%s: found the endpoints %v only", name, endpoints)
		}
		for _, found := range endpoints {
			if !regexp.MustCompile(`^\$\{env:[A-Z_]+:-(http://)?127\.0\.0\.1:\d+(/.*)?\}$`).MatchString(found[1]) {
				t.Errorf("%s: endpoint %s: want ${env:NAME:-127.0.0.1:port}", name, found[1])
			}
		}
		if !strings.Contains(text, "host: ${env:TELEMETRY_HOST:-127.0.0.1}\n") {
			t.Errorf("%s: its own metrics listen elsewhere", name)
		}
	}
}
