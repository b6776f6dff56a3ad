package main

import (
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/program"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// testTimeout limits every wait. Only a failing test reaches it.
const testTimeout = 2 * time.Minute

func TestMain(m *testing.M) { postgrestest.Main(m) }

// execution is a run of the demo.
type execution struct{ *program.Execution }

// start starts the demo with its defaults, a free port, and the variables env.
func start(t *testing.T, path string, env ...string) *execution {
	t.Helper()
	return &execution{program.Start(t, testTimeout, path, append([]string{"ADDR=127.0.0.1:0"}, env...))}
}

// while is eventually for a condition that must become true before the demo ends.
func (e *execution) while(what string, isTrue func() bool) {
	e.Helper()
	e.Eventually(what, func() bool {
		select {
		case <-e.Exited:
			e.Fatalf("the demo ended (%v), and this was not seen: %s\n%s\n%s", e.Cmd.ProcessState, what, e.Stdout, e.Stderr)
		default:
		}
		return isTrue()
	})
}

func (e *execution) signal(s syscall.Signal) {
	e.Helper()
	testutil.NoError(e, e.Cmd.Process.Signal(s))
}

// row is a parsed line of the table.
type row struct {
	phase, errors                       string
	used, peak, overflow, idle, waiting int
	rate                                int
}

var rowPattern = regexp.MustCompile(`^ *(?:\d+m)?\d+s  (\w+) +(\d+)/5\+10 +(\d+) +(\d+) +(\d+) +(\d+) +(\d+)  .{9}  .{11}  .{5}  .{6}  (.+)$`)

func (e *execution) rows() []row {
	var rows []row
	for line := range strings.Lines(e.Stdout.String()) {
		cells := rowPattern.FindStringSubmatch(strings.TrimSuffix(line, "\n"))
		if cells == nil {
			continue
		}
		var n [6]int
		for i := range n {
			n[i], _ = strconv.Atoi(cells[2+i])
		}
		rows = append(rows, row{phase: cells[1], used: n[0], peak: n[1], overflow: n[2], idle: n[3], waiting: n[4], rate: n[5], errors: cells[8]})
	}
	return rows
}

// row waits for a wanted row after the first n.
func (e *execution) row(n int, what string, wanted func(row) bool) {
	e.Helper()
	e.while(what, func() bool {
		rows := e.rows()
		return len(rows) > n && slices.ContainsFunc(rows[n:], wanted)
	})
}

// working waits until the demo prints queries.
func (e *execution) working() {
	e.Helper()
	e.row(0, "a line with queries", func(r row) bool { return r.rate > 0 })
}

var pagePattern = regexp.MustCompile(`(?m)^  page +(http://127\.0\.0\.1:\d+)/$`)

// base returns the URL of the page.
func (e *execution) base() (base string) {
	e.Helper()
	e.while("where the page is", func() bool {
		found := pagePattern.FindStringSubmatch(e.Stdout.String())
		if found != nil {
			base = found[1]
		}
		return found != nil
	})
	return base
}

func (e *execution) get(path string) (status int, body string) {
	e.Helper()
	res, err := http.Get(e.base() + path)
	testutil.NoError(e, err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	testutil.NoError(e, err)
	return res.StatusCode, string(text)
}

// scrape returns the values of /metrics by name and labels.
func (e *execution) scrape() map[string]float64 {
	e.Helper()
	status, body := e.get("/metrics")
	if status != http.StatusOK {
		e.Fatalf("/metrics: status %d: %s", status, body)
	}
	return parseMetrics(e.T, body)
}

func parseMetrics(t *testing.T, page string) map[string]float64 {
	t.Helper()
	values := map[string]float64{}
	for line := range strings.Lines(page) {
		if strings.HasPrefix(line, "#") {
			continue
		}
		cut := strings.LastIndexByte(line, ' ')
		v, err := strconv.ParseFloat(strings.TrimSpace(line[cut+1:]), 64)
		if err != nil {
			t.Fatalf("/metrics has the line %q", line)
		}
		values[line[:cut]] = v
	}
	return values
}

// logs waits for a line on standard error and returns the submatches.
func (e *execution) logs(pattern *regexp.Regexp) (parts []string) {
	e.Helper()
	e.while("a log line "+pattern.String(), func() bool {
		parts = pattern.FindStringSubmatch(e.Stderr.String())
		return parts != nil
	})
	return parts
}
