package stack_test

import (
	"net/http"
	"os"
	"slices"
	"strconv"
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
	testutil.NoError(t, err)
	if len(samples) != 1 || samples[0].Value != maxConns || samples[0].Metric["job"] != "otelpool-demo" {
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

	listening := listeners(t, started)
	if len(listening) < len(addresses) {
		t.Errorf("%d listeners found, want at least %d", len(listening), len(addresses))
	}
	for _, ip := range listening {
		if !ip.IsLoopback() {
			t.Errorf("something listens on %v", ip)
		}
	}

	testutil.NoError(t, e.cmd.Process.Signal(syscall.SIGTERM))
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
	collector := slices.IndexFunc(started, func(pid int) bool {
		name, _ := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/comm")
		return string(name) == "collector\n"
	})
	if collector < 0 {
		t.Fatalf("no Collector among %v", started)
	}
	testutil.NoError(t, syscall.Kill(started[collector], syscall.SIGKILL))
	testutil.Equal(t, "exit code", e.exit(started), 1)
	for _, want := range []string{"collector ended by itself (signal: killed)", "Everything is ready"} {
		if !strings.Contains(e.stderr.String(), want) {
			t.Errorf("%q is not in\n%s", want, e.stderr)
		}
	}
}

func TestKilledStackLeavesNothing(t *testing.T) {
	t.Parallel()
	e, started := running(t, nil)
	testutil.NoError(t, e.cmd.Process.Kill())
	<-e.exited
	testutil.Within(t, stacktest.WaitLimit, "the processes are gone", func() bool {
		return !slices.ContainsFunc(started, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
}
