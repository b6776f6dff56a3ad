package stack_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
)

func TestStackExplainsWrongSettings(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = taken.Close() })
	empty := t.TempDir()
	for name, test := range map[string]struct {
		env  map[string]string
		args []string
		want []string
	}{
		"a port in use": {
			env:  map[string]string{"PROMETHEUS_ADDR": taken.Addr().String()},
			want: []string{"Prometheus", taken.Addr().String() + " is in use by another program", "PROMETHEUS_ADDR="},
		},
		"an address of another machine": {
			env:  map[string]string{"OTLP_HTTP_ENDPOINT": "192.0.2.1:4318"},
			want: []string{"the Collector cannot listen on 192.0.2.1:4318", "set OTLP_HTTP_ENDPOINT to host:port of this machine"},
		},
		"no address at all": {
			env:  map[string]string{"ADDR": "localhost", "PROMETHEUS_ENDPOINT": "here:port", "DURATION": "soon"},
			want: []string{`ADDR is "localhost": want host:port`, `PROMETHEUS_ENDPOINT is "here:port"`, `DURATION is "soon"`},
		},
		"a missing Prometheus": {
			env:  map[string]string{"PROMETHEUS": filepath.Join(empty, "prometheus")},
			want: []string{"PROMETHEUS is", "no such file (correct the path, or leave PROMETHEUS empty)"},
		},
		"a Prometheus that is none": {
			env:  map[string]string{"PROMETHEUS": write(t, "#!/bin/sh\necho this is not Prometheus >&2\nexit 3\n", 0o755)},
			want: []string{"prometheus ended by itself (exit status 3)", "this is not Prometheus"},
		},
		"no go command to build with": {
			env:  map[string]string{"PATH": empty},
			want: []string{"no go command in PATH", "install Go"},
		},
		"a configuration that is not there": {
			env:  map[string]string{"COLLECTOR_CONFIG": filepath.Join(empty, "collector.yaml")},
			want: []string{"COLLECTOR_CONFIG is", "no such file (correct the path, or leave COLLECTOR_CONFIG empty)"},
		},
		"an argument": {
			args: []string{"-fast"},
			want: []string{`unknown argument "-fast"`, "-h lists them"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails(t, test.want, test.env, test.args...)
		})
	}
}

// fails runs the command. It checks that the command prints the wanted texts, ends with exit code 1, and leaves
// nothing behind.
func fails(t *testing.T, want []string, env map[string]string, args ...string) {
	t.Helper()
	e := execute(t, env, args...)
	code := e.exit(nil)
	for e.lostPort() {
		e = execute(t, env, args...)
		code = e.exit(nil)
	}
	if code != 1 {
		t.Errorf("exit code %d, want 1\n%s", code, e.stdout)
	}
	for _, words := range want {
		if !strings.Contains(e.stderr.String(), words) {
			t.Errorf("%q is not in\n%s", words, e.stderr)
		}
	}
}

// write writes a file.
func write(t *testing.T, text string, mode os.FileMode) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(path, []byte(text), mode); err != nil {
		t.Fatal(err)
	}
	return path
}

// altered returns the path of a copy of a shipped file with one change.
func altered(t *testing.T, before, after string, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(stacktest.Shipped(t, path...))
	if err != nil {
		t.Fatal(err)
	}
	if strings.Count(string(text), before) != 1 {
		t.Fatalf("%v has %q %d times", path, before, strings.Count(string(text), before))
	}
	return write(t, strings.ReplaceAll(string(text), before, after), 0o644)
}

func TestStackExplainsWrongConfigurations(t *testing.T) {
	t.Parallel()
	collector := func(before, after string) map[string]string {
		return map[string]string{"COLLECTOR_CONFIG": altered(t, before, after, "collector.yaml"), "PATIENCE": "10s"}
	}
	for name, test := range map[string]struct {
		env  map[string]string
		want []string
	}{
		"a key that is misspelt": {
			env:  collector("check_interval:", "check_intervall:"),
			want: []string{"the Collector refuses the configuration", "check_intervall", "correct the named settings"},
		},
		"an endpoint of another machine": {
			env:  collector("${env:OTLP_HTTP_ENDPOINT:-127.0.0.1:4318}", "192.0.2.1:4318"),
			want: []string{"collector ended by itself", "192.0.2.1:4318", "cannot assign requested address"},
		},
		"an endpoint that is not where it is looked for": {
			env:  collector("${env:PROMETHEUS_ENDPOINT:-127.0.0.1:8889}", "127.0.0.1:0"),
			want: []string{"does not listen on an expected address", "the page that Prometheus scrapes", "${env:PROMETHEUS_ENDPOINT}"},
		},
		"other names": {
			env:  collector("    metric_expiration:", "    namespace: mine\n    metric_expiration:"),
			want: []string{"no db_pool_size on the Collector's page", "check the receivers, pipelines and exporters of"},
		},
		"a target that is nobody": {
			env: map[string]string{ // for two scrapes
				"PROMETHEUS_CONFIG": altered(t, `["127.0.0.1:8889"]`, `["127.0.0.1:1"]`, "prometheus", "prometheus.yml"), "PATIENCE": "30s",
			},
			want: []string{"the metrics reach the Collector but not Prometheus", "do not answer: 127.0.0.1:1"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			fails(t, test.want, test.env)
		})
	}
}
