package main

import (
	"context"
	"encoding/xml"
	"errors"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// twoConnections is a load that keeps two connections in use on average, and a goal that one connection misses: in four
// seconds, half of the requests come to wait for it.
var twoConnections = []string{"-rate", "50", "-sql", "SELECT pg_sleep(0.04)", "-for", "4s", "-p99-wait", "2s"}

// openRun runs an open loop on a database of its own.
func openRun(t *testing.T, args ...string) (c *curve, v verdict, out string) {
	t.Helper()
	s, err := newSettings(append([]string{"-dsn", postgrestest.Database(t)}, args...))
	testutil.NoError(t, err)
	db, err := openDatabase(t.Context(), s)
	testutil.NoError(t, err)
	c = &curve{settings: s, db: db}
	c.run(t.Context())
	v, out = judged(t, c)
	return c, v, out
}

// judged returns the verdict and the report of a curve.
func judged(t *testing.T, c *curve) (verdict, string) {
	t.Helper()
	v, err := c.judge()
	var out strings.Builder
	testutil.NoError(t, errors.Join(err, c.print(&out)))
	return v, out.String()
}

func TestSizeReachesOrMissesGoal(t *testing.T) {
	t.Parallel()
	// One connection answers 25 of 50 requests a second. Eight are more than enough.
	c, v, out := openRun(t, append(twoConnections, "-pool-size", "8", "-sizes", "1")...)
	if !v.passed() || exitStatus(v, nil) != 0 ||
		!strings.HasPrefix(v.String(), "PASS: with 8 connections 99 % of the requests waited at most ") ||
		!strings.HasSuffix(v.String(), ": the goal of 2s is reached; the smallest measured size that reaches it is 8") {
		t.Errorf("%v\n%s", v, out)
	}
	p := c.at(8)
	n, acquires, latencies := p.arrivals(), int(p.last.acquires.Count), int(p.latency.Count)
	if n < 100 || n > 300 || p.requestCounts.done != n || acquires != n || latencies != n {
		t.Errorf("%d requests, %+v, %d acquires, %d latencies, want about 200", n, p.requestCounts, acquires, latencies)
	}
	// 200 requests of 40 ms in four seconds. On a busy machine, either may be longer.
	if p.inUse < 0.5 || p.inUse > 6 {
		t.Errorf("%.2f connections in use on average, want about 2", p.inUse)
	}
	for _, want := range []string{"\n          1  ", "\n          8  ", "| is the goal, 2s\n"} {
		if len(c.points) != 2 || !strings.Contains(out, want) {
			t.Errorf("%d points, want sizes 1 and 8 in\n%s", len(c.points), out)
		}
	}

	// The same points, for a pool with one connection.
	c.db.sizing.PoolSize = 1
	v, out = judged(t, c)
	if v.passed() || exitStatus(v, nil) != 1 || !strings.HasPrefix(v.String(), "FAIL: with 1 connection ") ||
		!strings.HasSuffix(v.String(), ": the goal of 2s is missed; the smallest measured size that reaches it is 8") {
		t.Errorf("%v\n%s", v, out)
	}
	// Without coordinated omission, latency includes the wait.
	p = c.at(1)
	if latency, wait := p.latency.Quantile(0.5), p.last.acquires.Quantile(0.5); !(latency > 0.9*wait) || !(wait > 0.05) {
		t.Errorf("half of the requests took %v s since they were due, and waited %v s", latency, wait)
	}
	if !strings.Contains(out, "loadtest: ") {
		t.Errorf("no findings in\n%s", out)
	}
}

func TestSearchMeasuresNeighborOfSmallestSize(t *testing.T) {
	t.Parallel()
	c, v, _ := openRun(t, append(twoConnections, "-pool-size", "4")...)
	if !v.passed() {
		t.Fatal(v)
	}
	i := 0
	for !c.points[i].reaches(c.goal) {
		i++
	}
	if size := c.points[i].size; i == 0 || size < 2 || c.points[i-1].size != size-1 {
		t.Errorf("size %d is called the smallest of %v", size, v)
	}
}

func TestVerdictStandsIfServerHasNoRoomForSearch(t *testing.T) {
	t.Parallel()
	// The server takes 100 connections, and the search asks for 120.
	s, err := newSettings([]string{
		"-dsn", postgrestest.Server(t).ConnString(), "-rate", "300", "-for", "1s", "-pool-size", "60", "-p99-wait", "1ns",
	})
	testutil.NoError(t, err)
	var out strings.Builder
	v, err := loadtest(t.Context(), s, &out, nil)
	if err == nil || err.Error() != "with 120 connections: some could not be opened: 53300" || exitStatus(v, err) != 1 {
		t.Errorf("%v, exit status %d", err, exitStatus(v, err))
	}
	if !strings.Contains(out.String(), "\nFAIL: with 60 connections ") || strings.Contains(out.String(), "cold_start") {
		t.Errorf("want a verdict, and no finding of a cold start:\n%s", &out)
	}
}

// TestFindingsExcludeDialsBeforeLoad makes each dial take a second, as on a busy machine.
func TestFindingsExcludeDialsBeforeLoad(t *testing.T) {
	t.Parallel()
	slow := postgrestest.Database(t) + "&options=-c%20post_auth_delay%3D1"
	if _, _, out := openRun(t, "-dsn", slow, "-rate", "20", "-sql", "SELECT 1", "-for", "1s", "-pool-size", "2"); strings.Contains(out, "slow_dial") {
		t.Errorf("the dials before the load are in\n%s", out)
	}
}

func TestRequestsBeyondLimitAreDropped(t *testing.T) {
	t.Parallel()
	c, v, out := openRun(t, "-rate", "200", "-sql", "SELECT pg_sleep(0.05)", "-for", "1s", "-in-flight", "1")
	p := c.points[0]
	if p.requestCounts.dropped == 0 || p.requestCounts.done == 0 || !math.IsInf(p.wait(), 1) {
		t.Errorf("%+v, waited %v", p.requestCounts, p.wait())
	}
	if v.judged || !strings.Contains(out, "unbounded: more than 1 %") {
		t.Errorf("%v\n%s", v, out)
	}
}

func TestProgressEndsWithEmptyLine(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
	defer cancel()
	var out strings.Builder
	c := &curve{settings: settings{duration: 10 * time.Second}, progress: &out}
	c.showProgress(ctx, 8, time.Now())
	if want := "\rrun 1, 8 connections:  0 of 10 s \r" + strings.Repeat(" ", 60) + "\r"; out.String() != want {
		t.Errorf("%q, want %q", &out, want)
	}
}

func TestFileNamesOperations(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "load.sql")
	text := "-- name: by_name weight: 3\nSELECT pg_sleep(0.001);\n-- name: other\nSELECT\n1;\n"
	testutil.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	c, _, _ := openRun(t, "-file", file, "-rate", "200", "-for", "1s", "-pool-size", "4")
	calls := make(map[string]int64)
	for _, o := range c.points[0].pool.LastMinute.Operations {
		calls[o.Operation] = o.Calls
	}
	if calls["by_name"] <= calls["other"] || calls["other"] == 0 {
		t.Errorf("%v, want by_name three times as often as other", calls)
	}
}

func TestWritesAreRefused(t *testing.T) {
	t.Parallel()
	dsn := postgrestest.Database(t)
	conn := postgrestest.Connect(t, dsn)
	postgrestest.Exec(t, conn, "CREATE TABLE things (n int)")
	rows := func() (n int) {
		testutil.NoError(t, conn.QueryRow(t.Context(), "SELECT count(*) FROM things").Scan(&n))
		return n
	}
	test := func(args ...string) error {
		s, err := newSettings(append([]string{"-dsn", dsn, "-for", "200ms", "-preset", "development"}, args...))
		if err == nil {
			_, err = loadtest(t.Context(), s, io.Discard, nil)
		}
		return err
	}
	const insert = "INSERT INTO things VALUES (1)"
	const mode = "default_query_exec_mode=simple_protocol"
	simple := dsn + " " + mode
	if strings.Contains(dsn, "://") {
		simple = dsn + "?" + mode
		if strings.Contains(dsn, "?") {
			simple = dsn + "&" + mode
		}
	}
	const several = "BEGIN READ WRITE; " + insert + "; COMMIT; SELECT 1"
	for _, tt := range []struct {
		args []string
		want string
	}{
		{[]string{"-sql", insert},
			"-sql cannot be run: cannot execute INSERT in a read-only transaction (SQLSTATE 25006): want -write to allow it"},
		{[]string{"-rate", "100", "-sql", insert}, "-sql cannot be run: cannot execute INSERT in a read-only "},
		{[]string{"-sql", "WITH w AS (" + insert + " RETURNING n) SELECT * FROM w"}, "-sql cannot be run: cannot execute SELECT in a read-only "},
		{[]string{"-sql", "BEGIN READ WRITE"}, `-sql cannot be run: the server calls it "BEGIN", not SELECT: want -write `},
		{[]string{"-sql", several}, "-sql cannot be run: cannot insert multiple commands into a "},
		{[]string{"-sql", several, "-dsn", simple}, "-sql cannot be run: cannot insert multiple commands into a "},
		{[]string{"-sql", "SELECT set_config('default_transaction_read_only', 'off', false)"},
			"the server does not keep the connection read-only: "},
	} {
		if err := test(tt.args...); err == nil || !strings.HasPrefix(err.Error(), tt.want) {
			t.Errorf("%q: %v\nwant %s", tt.args, err, tt.want)
		}
	}
	testutil.Equal(t, "rows written without -write", rows(), 0)
	if err := test("-sql", insert, "-write"); err != nil || rows() == 0 {
		t.Errorf("with -write: %v, %d rows", err, rows())
	}
}

// pointsOf returns points of sizes that answered 100 requests a second, with waits in one bucket; 0 is unbounded.
func pointsOf(waits map[int]float64, sizes ...int) (points []point) {
	for _, size := range sizes {
		p := point{size: size, report: report{elapsed: time.Second, requestCounts: requestCounts{done: 100}}}
		if waits[size] > 0 {
			p.last.acquires = display.Histogram{Bounds: []float64{waits[size] * 100 / 99}, UpTo: []uint64{100}, Count: 100}
		}
		points = append(points, p)
	}
	return points
}

func TestSVGHasMeasuredPoints(t *testing.T) {
	t.Parallel()
	points := pointsOf(map[int]float64{2: 0.040, 8: 0.0012}, 1, 2, 8)
	for _, goal := range []time.Duration{0, 5 * time.Millisecond} {
		text := svg(points, goal)
		var document struct {
			Circles []struct {
				X     float64 `xml:"cx,attr"`
				Y     float64 `xml:"cy,attr"`
				Title string  `xml:"title"`
			} `xml:"circle"`
		}
		if err := xml.Unmarshal([]byte(text), &document); err != nil {
			t.Fatalf("%v in %s", err, text)
		}
		var titles []string
		for _, c := range document.Circles {
			titles = append(titles, c.Title)
			if c.X < 0 || c.X > 640 || c.Y < 0 || c.Y > 640 {
				t.Errorf("%q is at %v, %v", c.Title, c.X, c.Y)
			}
		}
		all := strings.Join(titles, "\n")
		for _, want := range []string{
			"1 connection: 100 requests a second", "8 connections: 100 requests a second",
			"2 connections: 99 % of the requests waited at most 40 ms",
			"8 connections: 99 % of the requests waited at most 1.2 ms", "1 connection: more than 1 % of the requests got none",
		} {
			if !strings.Contains(all, want) {
				t.Errorf("no %q in\n%s", want, all)
			}
		}
		if len(titles) != 6 || strings.Contains(text, "goal 5ms") != (goal > 0) {
			t.Errorf("%d circles in\n%s", len(titles), text)
		}
	}
}

func TestPlotHasLineForEachSize(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	printCurve(&out, pointsOf(map[int]float64{2: 0.040, 8: 0.0012}, 1, 2, 8), 5*time.Millisecond)
	want := `connections  requests/s                      99 % wait at most (logarithmic)
          1         100  ##################  unbounded  ##################|#####
          2         100  ##################      40 ms  ##################|#####
          8         100  ##################     1.2 ms  ##############    |
             unbounded: more than 1 % got none: dropped, canceled or failed
             | is the goal, 5ms
`
	testutil.Equal(t, "printed", out.String(), want)
	for line := range strings.Lines(want) {
		if len(line) > 80+1 {
			t.Errorf("%d columns: %s", len(line)-1, line)
		}
	}
}

func TestFindingsMatchConfiguredSize(t *testing.T) {
	t.Parallel()
	c := &curve{settings: settings{rate: 100}, db: &database{}, points: pointsOf(nil, 1, 2)}
	c.db.sizing.PoolSize = 2
	c.points[1].pool = diagnose.Report{Pool: "the second"}
	var out strings.Builder
	if err := c.print(&out); err != nil || !strings.Contains(out.String(), "\nthe second: ") {
		t.Errorf("%v\n%s", err, &out)
	}
}
