package main

import (
	"net/http"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// tracePattern matches the trace of a log line's request.
const tracePattern = ` trace_id=[0-9a-f]{32}`

// stackPattern returns the pattern of a stack in a log line.
func stackPattern(key, function string) string {
	return ` ` + key + `="\S*\(\*service\)\.` + function + ` \((troubles\.go):(\d+)\)"`
}

var (
	nestedPattern = regexp.MustCompile(`(?m)^level=WARN msg="acquire waits while its scope holds a connection of the same pool" pool=demo .*operation=take_first` +
		tracePattern + stackPattern("stack", `nested\.func1`) + stackPattern("waiting_stack", `nested\.func1`) + `$`)
	transactionPattern = regexp.MustCompile(`(?m)^level=WARN msg="connection released in a transaction: pgx closes it" pool=demo .*operation=forget_to_commit .*` +
		stackPattern("stack", "openTransaction") + ` advice=`)
)

// leakPattern returns the pattern of a log line about the leak.
func leakPattern(message string) *regexp.Regexp {
	return regexp.MustCompile(`(?m)^level=WARN msg="` + message + `" pool=demo age=\d[\d.]*s operation=forget_to_release_\d+ ` +
		`query="SELECT otelpool_demo.users" query_running=false` + tracePattern + stackPattern("stack", `leak\.func1`) + `$`)
}

// sourceLine returns the line of a file that a log line names.
func sourceLine(t *testing.T, file, line string) string {
	t.Helper()
	text, err := os.ReadFile(file)
	testutil.NoError(t, err)
	n, _ := strconv.Atoi(line)
	lines := strings.Split(string(text), "\n")
	if n < 1 || n > len(lines) {
		t.Fatalf("%s has no line %s", file, line)
	}
	return lines[n-1]
}

// await waits for a log line that matches, and returns the submatches.
func (f *fixture) await(pattern *regexp.Regexp) (parts []string) {
	f.Helper()
	testutil.Eventually(f, "the log matches "+pattern.String(), func() bool {
		parts = pattern.FindStringSubmatch(f.log.String())
		return parts != nil
	})
	return parts
}

// make requests a trouble.
func (f *fixture) make(name string, status int) {
	f.Helper()
	if res := request(f.handler, "GET", "/trouble/"+name); res.Code != status {
		f.Errorf("/trouble/%s: status %d, want %d: %s", name, res.Code, status, res.Body)
	}
}

func TestLeakIsReleasedOnClose(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.make("leak", http.StatusOK)
	f.service.close()
	f.pool.Close() // waits for every connection: the test hangs if one is still held
	if held := f.sample().holds.Sum; held >= leakTime.Seconds() {
		t.Errorf("it was released after %v s, not by close", held)
	}
}

func TestIdleTransactionBlocksTransfers(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.make("idletx", http.StatusOK)
	if res := request(f.handler, "POST", "/transfers"); res.Code != http.StatusServiceUnavailable {
		t.Errorf("a transfer during the transaction: status %d: %s", res.Code, res.Body)
	}
	f.service.close() // rolls back
	if res := request(f.handler, "POST", "/transfers"); res.Code != http.StatusOK {
		t.Errorf("a transfer after the transaction: status %d: %s", res.Code, res.Body)
	}
}

func TestSpikeShowsOnlyInPeak(t *testing.T) {
	t.Parallel()
	f := setup(t)
	testutil.Equal(t, "peak before", f.scrape()[`db_pool_peak{pool="demo"}`], 0)
	f.make("spike", http.StatusOK)
	f.make("spike", http.StatusOK) // on connections that are open
	var values map[string]float64
	testutil.Eventually(t, "all are released, which pgx does in goroutines", func() bool {
		values = f.scrape()
		return values[`db_pool_checked_out{pool="demo"}`] == 0
	})
	for name, want := range map[string]float64{
		"peak": spikeCallers, "overflow": 0, "pending": 0, "nested_acquires_total": 0, "long_holds_total": 0,
	} {
		if got := values["db_pool_"+name+`{pool="demo"}`]; got != want {
			t.Errorf("%s is %v, want %v", name, got, want)
		}
	}
	testutil.Equal(t, "peak on the terminal", f.sample().peak, spikeCallers)
}

func TestNestedAcquiresBlockEachOther(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.make("nested", http.StatusServiceUnavailable)
	values := f.scrape()
	testutil.Equal(t, "nested acquires", values[`db_pool_nested_acquires_total{pool="demo"}`], nestedCallers)
	for _, name := range []string{`timeouts_total{pool="demo"}`, `acquires_total{pool="demo",result="timeout"}`, `pending_peak{pool="demo"}`} {
		if values["db_pool_"+name] < 1 {
			t.Errorf("%s is %v", name, values["db_pool_"+name])
		}
	}
	if queued := values[`db_pool_acquire_phase_seconds_total{phase="queue",pool="demo"}`]; queued < nestedWait.Seconds() {
		t.Errorf("%v s in the queue, want %v", queued, nestedWait)
	}
	logged := f.await(nestedPattern)
	for i, name := range map[int]string{1: "take_first", 3: "take_second"} {
		if line := sourceLine(t, logged[i], logged[i+1]); !strings.Contains(line, `"`+name+`"`) {
			t.Errorf("%s names the line %q, want that of %s", logged[0], line, name)
		}
	}
}

func TestIdleHoldsHaveLowBusyShare(t *testing.T) {
	t.Parallel()
	f := setup(t)
	f.make("idle", http.StatusOK)
	values := f.scrape()
	busy, held := values[`db_pool_busy_seconds_total{operation="hold_idle",pool="demo"}`], values[`db_pool_hold_duration_seconds_sum{operation="hold_idle",pool="demo"}`]
	if held < idleCallers*idleTime.Seconds() || busy <= 0 || busy > held/2 {
		t.Errorf("busy for %v s of %v s", busy, held)
	}
	if s := f.sample(); s.busyShare() > 0.5 {
		t.Errorf("the terminal shows a busy share of %s", formatShare(s.busyShare()))
	}
}

func TestOpenTransactionLosesConnectionAndWork(t *testing.T) {
	t.Parallel()
	f := setup(t)
	for range 3 {
		f.make("tx", http.StatusOK)
	}
	testutil.Equal(t, "connections closed", f.scrape()[`db_pool_connections_closed_total{pool="demo",reason="in_transaction"}`], 3)
	testutil.Equal(t, "errors on the terminal", display.Counts(f.sample().errors), "3×in_transaction")
	f.await(transactionPattern)
	testutil.Equal(t, "log lines", len(transactionPattern.FindAllString(f.log.String(), -1)), 1)
	if res := request(f.handler, "GET", "/dashboard"); !strings.Contains(res.Body.String(), `"money":100000,`) {
		t.Errorf("something was committed: %s", res.Body)
	}
}
