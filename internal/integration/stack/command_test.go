package stack_test

import (
	"net/http"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// maxConns is the size of the demo's pool with its overflow.
const maxConns = 15

func TestStackShowsPoolAndCleansUp(t *testing.T) {
	t.Parallel()
	e, started := running(t, nil)
	prometheus := stack.Prometheus{URL: "http://" + e.ports["PROMETHEUS_ADDR"]}
	samples, err := prometheus.Query(t.Context(), "db_pool_max")
	if err != nil {
		t.Fatal(err)
	}
	if len(samples) != 1 || samples[0].Value != maxConns || samples[0].Labels["job"] != "otelpool-demo" {
		t.Errorf("db_pool_max is %v, want one series, %d", samples, maxConns)
	}
	if response, err := http.Get(prometheus.URL); err != nil {
		t.Error(err)
	} else if response.Body.Close(); response.StatusCode == http.StatusOK || !strings.Contains(e.stdout.String(), "no pages of its own") {
		t.Errorf("Prometheus answers with status %d, and what was printed says of its pages:\n%s", response.StatusCode, e.stdout)
	}
	for _, name := range addresses {
		if !strings.Contains(e.stdout.String(), e.ports[name]) {
			t.Errorf("%s is not in what was printed:\n%s", e.ports[name], e.stdout)
		}
	}

	open := listeners(t, started)
	if len(open) < len(addresses) {
		t.Errorf("%d listeners found, want at least %d", len(open), len(addresses))
	}
	for _, address := range open {
		// 127.0.0.1, as IPv4 and within IPv6, and ::1.
		if host, _, _ := strings.Cut(address, ":"); !strings.HasSuffix(host, "0100007F") && host != "00000000000000000000000001000000" {
			t.Errorf("something listens on %s", address)
		}
	}

	if err := e.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := e.exit(started); code != 0 {
		t.Errorf("exit code %d:\n%s", code, e.stderr)
	}
}

func TestStackEndsAfterDuration(t *testing.T) {
	t.Parallel()
	e, _ := running(t, map[string]string{"DURATION": "10ms"})
	if code := e.exit(nil); code != 0 {
		t.Errorf("exit code %d:\n%s%s", code, e.stdout, e.stderr)
	}
}

func TestStackEndsWhenProgramDies(t *testing.T) {
	t.Parallel()
	e, started := running(t, nil)
	if err := syscall.Kill(named(t, started, "collector"), syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	if code := e.exit(started); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	for _, want := range []string{"collector ended by itself (signal: killed)", "Everything is ready"} {
		if !strings.Contains(e.stderr.String(), want) {
			t.Errorf("%q is not in\n%s", want, e.stderr)
		}
	}
}

func TestKilledStackLeavesNothing(t *testing.T) {
	t.Parallel()
	e, started := running(t, nil)
	if err := e.cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-e.exited
	testutil.Within(t, stacktest.WaitLimit, "the processes are gone", func() bool {
		return !slices.ContainsFunc(started, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
}
