package main

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/examples/internal/program"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestLoadtestProgram(t *testing.T) {
	t.Parallel()
	path := program.Build(t)
	for name, test := range map[string]func(*testing.T, string){
		"passes on a throwaway server": passesOnThrowawayServer,
		"leaves nothing in a database": leavesNothingInDatabase,
		"reports when interrupted":     reportsWhenInterrupted,
		"reports interrupted search":   reportsInterruptedSearch,
		"reports wrong settings":       saysWhatIsWrong,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			test(t, path)
		})
	}
}

var reportPattern = regexp.MustCompile(`(?s)
Report
  requests  (\d+) in (\d+)\.\d s: (\d+) a second
  acquire   p50 [\d.]+ m?s, p95 [\d.]+ m?s, p99 [\d.]+ m?s
  query     p50 [\d.]+ m?s, p95 [\d.]+ m?s, p99 [\d.]+ m?s
  in use    peak (\d+) of (\d+) \(pool size \d+, max overflow \d+\)
  overflow  in use in (\d+) % of (\d+) scrapes under load; (\d+) connections were opened beyond the pool size
  timeouts  0
  errors    none
  idle      (\d+), at most the pool size (\d+): settled [\d.]+ m?s after the last request
  findings  (?:none|(?:critical|warning|info): .+?)
PASS: checked_out never exceeded pool_size \+ max_overflow = (\d+) \(at most \d+ in \d+ scrapes, peak \d+\)
$`)

// linePattern matches a line printed under load, with its overflow.
var linePattern = regexp.MustCompile(`(?m)^ +(?:\d+m)?\d+s +\d+/5\+10 +\d+ +(\d+) `)

// testTimeout limits every wait. Only a failing test reaches it.
const testTimeout = time.Minute

func start(t *testing.T, path string, env []string, args ...string) *program.Execution {
	t.Helper()
	return program.Start(t, testTimeout, path, env, args...)
}

// reported returns the numbers of a report with PASS.
func reported(e *program.Execution) (r struct {
	requests, seconds, rate, peak, of, share, scrapes, opened, idle, size, limit int
}) {
	e.Helper()
	found := reportPattern.FindStringSubmatch(e.Stdout.String())
	if found == nil {
		e.Fatalf("no report of a pass:\n%s\n%s", e.Stdout, e.Stderr)
	}
	for i, to := range []*int{
		&r.requests, &r.seconds, &r.rate, &r.peak, &r.of, &r.share, &r.scrapes, &r.opened, &r.idle, &r.size, &r.limit,
	} {
		*to, _ = strconv.Atoi(found[1+i])
	}
	return r
}

func passesOnThrowawayServer(t *testing.T, path string) {
	e := start(t, path, nil, "-duration", "3s")
	e.End(0)
	r := reported(e)
	if r.requests == 0 || r.rate == 0 {
		t.Errorf("%+v, want requests", r)
	}
	if r.of != 15 || r.limit != 15 || r.peak <= 5 || r.peak > 15 || r.share == 0 || r.opened == 0 {
		t.Errorf("%+v, want overflow in use, and no more than 15", r)
	}
	if r.size != 5 || r.idle > 5 {
		t.Errorf("%+v, want at most 5 idle", r)
	}
	// A busy machine may skip a line, and the last one may be late.
	lines := linePattern.FindAllStringSubmatch(e.Stdout.String(), -1)
	if r.seconds < 3 || len(lines) > r.seconds+1 || !slices.ContainsFunc(lines, func(l []string) bool { return l[1] != "0" }) {
		t.Errorf("want a line a second, with overflow:\n%s", e.Stdout)
	}
	for line := range strings.Lines(e.Stderr.String()) {
		if !strings.Contains(line, "WARN callers wait for a connection") { // a busy machine makes them wait for a second
			t.Errorf("standard error: %s", line)
		}
	}
}

func leavesNothingInDatabase(t *testing.T, path string) {
	databaseURL := postgrestest.Database(t)
	e := start(t, path, []string{"DATABASE_URL=" + databaseURL, "OTELPOOL_SIZING_POOL_TIMEOUT=10s"},
		"-preset", "development", "-max-overflow", "1", "-concurrency", "10", "-duration", "3s", "-query", "SELECT count(*) FROM pg_class")
	e.End(0)
	if r := reported(e); r.limit != 3 || r.peak != 3 || r.size != 2 || r.idle > 2 {
		t.Errorf("%+v, want 2 and one more", r)
	}
	if !strings.Contains(e.Stdout.String(), "waiting at most 10s") {
		t.Errorf("the environment has no effect:\n%s", e.Stdout)
	}
	noPassword(t, e, databaseURL)

	conn := postgrestest.Connect(t, databaseURL)
	count := func(sql string) (n int) {
		testutil.NoError(t, conn.QueryRow(t.Context(), sql).Scan(&n))
		return n
	}
	testutil.Equal(t, "tables left", count("SELECT count(*) FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"), 0)
	e.Eventually("no connection is left", func() bool {
		return count("SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'otelpool-loadtest'") == 0
	})
}

func reportsWhenInterrupted(t *testing.T, path string) {
	e := start(t, path, nil, "-duration", "1h")
	e.Eventually("two lines", func() bool { return len(linePattern.FindAllString(e.Stdout.String(), -1)) >= 2 })
	testutil.NoError(t, e.Cmd.Process.Signal(syscall.SIGINT))
	e.End(0)
	if r := reported(e); r.requests == 0 || r.idle > 5 {
		t.Errorf("%+v", r)
	}
	// A test that is interrupted before the load has no report.
	e = start(t, path, nil, "-query", "SELECT pg_sleep(600)")
	e.Eventually("the server", func() bool {
		files, _ := filepath.Glob(filepath.Join(e.Temp, "*"))
		return len(files) > 0
	})
	testutil.NoError(t, e.Cmd.Process.Signal(syscall.SIGTERM))
	e.End(2)
	if got := e.Stderr.String(); got != "loadtest: stopped before the load began\n" || e.Stdout.String() != "" {
		t.Errorf("%q\n%s", got, e.Stdout)
	}
}

func reportsInterruptedSearch(t *testing.T, path string) {
	dsn, plot := postgrestest.Database(t), filepath.Join(t.TempDir(), "plot.svg")
	e := start(t, path, nil, "-dsn", dsn, "-rate", "50", "-sql", "SELECT pg_sleep(0.02)", "-pool-size", "4",
		"-p99-wait", "1s", "-for", "1h", "-svg", plot)
	conn := postgrestest.Connect(t, dsn)
	starts := make(map[time.Time]bool)
	e.Eventually("more requests than the connections make before the load", func() bool {
		var last time.Time
		const sql = "SELECT max(query_start) FROM pg_stat_activity " +
			"WHERE datname = current_database() AND application_name = 'otelpool-loadtest' AND query LIKE 'SELECT pg_sleep%'"
		if conn.QueryRow(t.Context(), sql).Scan(&last) == nil {
			starts[last] = true
		}
		return len(starts) > 20
	})
	testutil.NoError(t, e.Cmd.Process.Signal(syscall.SIGINT))
	interrupted := time.Now()
	e.End(2)
	if took := time.Since(interrupted); took > 20*time.Second {
		t.Errorf("the program ended after %v", took)
	}
	for _, want := range []string{"Report, with 4 connections\n  requests", "\n             stopped after ", "\nloadtest: "} {
		if !strings.Contains(e.Stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, e.Stdout)
		}
	}
	said := e.Stderr.String()
	if !strings.HasPrefix(said, "loadtest: stopped after ") || !strings.HasSuffix(said, ": too early to judge the goal\n") {
		t.Errorf("standard error: %q", said)
	}
	if text, err := os.ReadFile(plot); err != nil || strings.Count(string(text), "<circle ") != 2 {
		t.Errorf("%v, %s", err, text)
	}
	noPassword(t, e, dsn)
}

func saysWhatIsWrong(t *testing.T, path string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	testutil.NoError(t, err)
	closedAddr := listener.Addr().String()
	listener.Close()
	for _, tt := range []struct {
		args, env []string
		want      string
	}{
		{[]string{"-preset", "test"}, nil, `-preset is "test": want development, staging or production (-h `},
		{[]string{"-pool-size", "many"}, nil, `invalid value "many" for flag -pool-size: want a whole number (-h `},
		{[]string{"-pool-size", "0"}, nil, "otelpool: pool size 0 means no limit, "},
		{[]string{"-max-overflow", "-1"}, nil, "otelpool: max overflow -1 means no limit, "},
		{[]string{"-pool-size", "-2", "-max-overflow", "-2"}, nil, "otelpool: pool size -2 is below 1 otelpool: max overflow -2 is below 0"},
		{[]string{"-concurrency", "0"}, nil, `-concurrency is 0: want a whole number, at least 1 (-h `},
		{[]string{"-duration", "10"}, nil, `invalid value "10" for flag -duration: want a time such as 500ms or 10s (-h `},
		{[]string{"-query", " "}, nil, `-query is empty: want SQL, such as `},
		{[]string{"-for", "25h"}, nil, `-for is 25h0m0s: want a time above 0 and at most 24h, such as 10s or 2m (-h `},
		{[]string{"-rate", "NaN"}, nil, `-rate is NaN: want requests a second, above 0 and at most 100000 (-h `},
		{[]string{"-sizes", "4,x"}, nil, `invalid value "4,x" for flag -sizes: want numbers of connections from 1 to 1000, such as 2,4,8 (-h `},
		{[]string{"-p99-wait", "5ms"}, nil, "-p99-wait needs -rate (-h "},
		{[]string{"-rate", "1", "-p99-wait", "5ms"}, nil, "-rate 1 for 10s makes about 10 requests, too few for a 99th percentile: want at least 200 (-h "},
		{[]string{"-rate", "1", "-concurrency", "5"}, nil, "-rate and -concurrency exclude each other: "},
		{[]string{"-sql", "SELECT 1", "-file", "x.sql"}, nil, "-file and -sql exclude each other (-h "},
		{[]string{"-file", "/nowhere/x.sql"}, nil, "open /nowhere/x.sql: "},
		{[]string{"-dsn", "host=localhost password='my hunter2"}, nil, "-dsn cannot be used: "},
		{[]string{"-users", "1"}, nil, "flag provided but not defined: -users (-h "},
		{[]string{"now"}, nil, `unknown argument "now" (-h `},
		{[]string{"postgres://user:hunter2@host/db"}, nil, "unexpected address (-h "},
		{nil, []string{"OTELPOOL_SIZING_POOL_SIZE=x"}, `otelpool: environment: OTELPOOL_SIZING_POOL_SIZE: "x" is not a whole number`},
		// pgx's own error quotes the password from the space on.
		{nil, []string{"DATABASE_URL=host=localhost password='my hunter2"}, "DATABASE_URL cannot be used: "},
		{nil, []string{"DATABASE_URL=postgres://user:hunter2@" + closedAddr + "/db?connect_timeout=1"}, "the database cannot be reached, check DATABASE_URL "},
		{nil, []string{"DATABASE_URL=postgres://user:hunter2@" + closedAddr + "/db?pool_sise=5"}, `otelpool: connection string: unknown setting "pool_sise" (valid: `},
		{[]string{"-query", "SELEC 1"}, []string{"DATABASE_URL=" + postgrestest.Database(t)}, `-query cannot be run: syntax error at or near "SELEC" (SQLSTATE 42601)`},
		{[]string{"-query", "SELECT $1::int"}, []string{"DATABASE_URL=" + postgrestest.Database(t)}, "-query cannot be run: it has parameters: want values"},
		{[]string{"-query", "SELECT $1::int", "-write"}, []string{"DATABASE_URL=" + postgrestest.Database(t)}, "-query cannot be run: it has parameters: want values"},
	} {
		t.Run(strings.Join(append(slices.Clone(tt.args), tt.want), " "), func(t *testing.T) {
			e := start(t, path, tt.env, tt.args...)
			e.End(2)
			said := e.Stderr.String()
			if !strings.HasPrefix(said, "loadtest: "+tt.want) || strings.Count(said, "\n") != 1 || e.Stdout.String() != "" {
				t.Errorf("%q\n%s\nwant one line: %q", said, e.Stdout, tt.want)
			}
			if strings.Contains(said, "hunter2") {
				t.Errorf("the password is in %q", said)
			}
		})
	}
}

func noPassword(t *testing.T, e *program.Execution, databaseURL string) {
	t.Helper()
	config, err := pgx.ParseConfig(databaseURL)
	testutil.NoError(t, err)
	if all := e.Stdout.String() + e.Stderr.String(); config.Password != "" && strings.Contains(all, config.Password) {
		t.Errorf("the password is in %s", all)
	}
}
