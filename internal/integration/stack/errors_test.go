package stack_test

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestStackExplainsWrongSettings(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = taken.Close() })
	empty := t.TempDir()
	impostor := filepath.Join(t.TempDir(), "prometheus")
	testutil.NoError(t, os.WriteFile(impostor, []byte("#!/bin/sh\necho this is not Prometheus >&2\nexit 3\n"), 0o755))
	for name, test := range map[string]struct {
		env  map[string]string
		args []string
		want []string
	}{
		"a port in use": {
			env:  map[string]string{"PROMETHEUS_ADDR": taken.Addr().String()},
			want: []string{"Prometheus", taken.Addr().String() + ": bind: address already in use", "set PROMETHEUS_ADDR to another host:port"},
		},
		"an address of another machine": {
			env:  map[string]string{"OTLP_HTTP_ENDPOINT": "192.0.2.1:4318"},
			want: []string{"the Collector: listen tcp 192.0.2.1:4318", "set OTLP_HTTP_ENDPOINT to another host:port of this machine"},
		},
		"no address at all": {
			env:  map[string]string{"ADDR": "localhost", "PROMETHEUS_ENDPOINT": "here:port", "DURATION": "soon"},
			want: []string{`ADDR is "localhost": want host:port`, `PROMETHEUS_ENDPOINT is "here:port"`, `DURATION is "soon"`},
		},
		"a missing Prometheus": {
			env:  map[string]string{"PROMETHEUS": filepath.Join(empty, "prometheus")},
			want: []string{"PROMETHEUS is", "no such file (correct the path, or leave PROMETHEUS empty)"},
		},
		"a program that is not Prometheus": {
			env:  map[string]string{"PROMETHEUS": impostor},
			want: []string{"prometheus ended by itself (exit status 3)", "this is not Prometheus"},
		},
		"no go command to build with": {
			env:  map[string]string{"PATH": empty},
			want: []string{"no go command in PATH", "install Go"},
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
