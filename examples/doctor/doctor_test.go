package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

type outcome struct {
	code           int
	stdout, stderr string
}

func runWith(t *testing.T, stdin string, args ...string) outcome {
	t.Helper()
	var stdout, stderr bytes.Buffer
	p := program{client: fetch.NewClient(requestTimeout), stdin: strings.NewReader(stdin), stdout: &stdout, stderr: &stderr}
	code := p.run(t.Context(), args)
	return outcome{code, stdout.String(), stderr.String()}
}

// document returns a document of pools with a finding of each severity, "" for none.
func document(t *testing.T, severities ...diagnose.Severity) string {
	t.Helper()
	d := poolz.Document{Version: poolz.Version}
	for i, severity := range severities {
		p := poolz.Pool{Report: diagnose.Report{
			Version: diagnose.ReportVersion, Pool: fmt.Sprintf("pool%d", i), Used: 3, Settings: diagnose.Settings{MaxConns: 10},
			LastMinute: diagnose.Period{Acquires: map[string]int64{"ok": 1}},
		}}
		if severity != "" {
			p.Findings = []diagnose.Finding{{Kind: diagnose.Leak, Severity: severity, Summary: "checkout keeps connections.", Advice: "Release them."}}
		}
		d.Pools = append(d.Pools, p)
	}
	text, err := json.Marshal(d)
	testutil.NoError(t, err)
	return string(text)
}

func TestDoctorExitsAsLintersDo(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		severities []diagnose.Severity
		want       outcome
	}{
		{nil, outcome{0, "no pool is registered\n", ""}},
		{[]diagnose.Severity{"", ""}, outcome{0, "pool0: ok: 3 of 10 connections in use, no caller waits\npool1: ok: 3 of 10 connections in use, no caller waits\n", ""}},
		{[]diagnose.Severity{diagnose.Info}, outcome{0, "pool0: info: leak: checkout keeps connections.\n  help: Release them.\n", ""}},
		{[]diagnose.Severity{diagnose.Warning}, outcome{1, "pool0: warning: leak: checkout keeps connections.\n  help: Release them.\n", ""}},
		{[]diagnose.Severity{"", diagnose.Critical}, outcome{1,
			"pool0: ok: 3 of 10 connections in use, no caller waits\npool1: critical: leak: checkout keeps connections.\n  help: Release them.\n", ""}},
	} {
		text := document(t, tt.severities...)
		file := filepath.Join(t.TempDir(), "report.json")
		testutil.NoError(t, os.WriteFile(file, []byte(text), 0o600))
		testutil.Equal(t, "of a file", runWith(t, "", "-file", file), tt.want)
		testutil.Equal(t, "of the standard input", runWith(t, text, "-file", "-"), tt.want)
		s := server(t, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) })
		testutil.Equal(t, "of a server", runWith(t, "", "-url", s), tt.want)
	}
}

// server runs a server with the handler until the test ends, and returns its address.
func server(t *testing.T, handler http.HandlerFunc) string {
	t.Helper()
	s := httptest.NewServer(handler)
	t.Cleanup(s.Close)
	return s.URL
}

func TestUnreadableReportsAreErrors(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":              "not a report.json",
		"<html>":        "not a report.json",
		`{"a": 1}`:      "unknown version 0 of the document (valid: 1)",
		`{"version":7}`: "unknown version 7 of the document (valid: 1)",
		`{"version":1,"pools":[{"report":{"version":9}}]}`:                                "unknown version 9 of a report (valid: 1)",
		`{"version":1,"pools":[{"report":{"version":1,"pool":7}}]}`:                       "not a report.json",
		strings.Repeat(" ", maxDocument+1):                                                "longer than 16 MiB",
		`{"version":1,"pools":[{"report":{"version":1},"findings":[{"severity":7}]}` + "": "not a report.json",
	} {
		o := runWith(t, text, "-file", "-")
		if o.code != exitError || o.stdout != "" || !strings.Contains(o.stderr, want) || strings.Count(o.stderr, "\n") != 1 {
			t.Errorf("of %.80q: got %+v, want %q", text, o, want)
		}
	}
	refused := server(t, poolz.Handler(nil, poolz.WithAccess(func(*http.Request) bool { return false })).ServeHTTP)
	endless := server(t, func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write(make([]byte, 1<<20)); err != nil {
				return
			}
		}
	})
	page := func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "# HELP db_pool_size Base size.") }
	redirected := server(t, http.RedirectHandler("http://example.com/", http.StatusFound).ServeHTTP)
	for url, want := range map[string]string{
		refused: "status 403: poolz: refused", endless: "longer than 16 MiB", redirected: "status 302", server(t, page) + "/metrics": "such as at /debug/pool/report.json: ", server(t, http.NotFound) + "/debug/pool": "404 page not found (valid: the address of the live page, with its last slash",
		"http://user:hunter2@127.0.0.1:1/?token=hunter2": "http://127.0.0.1:1/report.json: ",
	} {
		o := runWith(t, "", "-url", url)
		if o.code != exitError || !strings.Contains(o.stderr, want) || strings.Contains(o.stderr, "hunter2") {
			t.Errorf("%s: got %+v, want %q", url, o, want)
		}
	}
	if o := runWith(t, "", "-file", filepath.Join(t.TempDir(), "none")); o.code != exitError || !strings.Contains(o.stderr, "no such file") {
		t.Errorf("got %+v", o)
	}
}

func TestWrongFlagsAreErrors(t *testing.T) {
	t.Parallel()
	for _, args := range []string{
		"", "-url http://127.0.0.1 -file -", "-url 127.0.0.1", "-url http://user:hunter2@%zz", "-file - -watch", "-file x y", "http://user:hunter2@h/", "-nothing",
		"-url http://127.0.0.1 -watch -interval 1ms",
	} {
		if o := runWith(t, "", strings.Fields(args)...); o.code != exitError || o.stderr == "" || strings.Contains(o.stderr, "hunter2") {
			t.Errorf("%q: got %+v", args, o)
		}
	}
	if o := runWith(t, "", "-h"); o != (outcome{0, usage, ""}) {
		t.Errorf("-h: got %+v", o)
	}
}

func TestDoctorReadsRealPool(t *testing.T) {
	t.Parallel()
	config := postgrestest.Config(t)
	config.MaxConns, config.MinConns = 7, 1
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithPoolName("main"),
		otelpool.WithMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))))
	testutil.NoError(t, err)
	defer pool.Close()
	// Otherwise a slow dial is a finding.
	testutil.Eventually(t, "there is a connection", func() bool { return pool.Stat().IdleConns() > 0 })
	conn, err := pool.Acquire(t.Context())
	testutil.NoError(t, err)
	defer conn.Release()
	s := httptest.NewServer(http.StripPrefix("/debug/pool/", poolz.Handler([]*otelpool.Instrumentation{inst})))
	defer s.Close()
	for _, path := range []string{"/debug/pool/", "/debug/pool/report.json"} {
		if o := runWith(t, "", "-url", s.URL+path); o != (outcome{0, "main: ok: 1 of 7 connections in use, no caller waits\n", ""}) {
			t.Errorf("%s: got %+v", path, o)
		}
	}
}

// TestWatchContinuesAfterFailures watches a service that fails once, and then has a finding.
func TestWatchContinuesAfterFailures(t *testing.T) {
	t.Parallel()
	ok, leak := document(t, ""), document(t, diagnose.Critical)
	for _, terminal := range []bool{false, true} {
		var requests atomic.Int64
		s := server(t, func(w http.ResponseWriter, _ *http.Request) {
			switch requests.Add(1) {
			case 1:
				fmt.Fprint(w, ok)
			case 2:
				http.Error(w, "starting", http.StatusServiceUnavailable)
			default:
				fmt.Fprint(w, leak)
			}
		})
		ctx, stop := context.WithCancel(t.Context())
		defer stop()
		var stdout, stderr testutil.Buffer
		p := program{client: fetch.NewClient(requestTimeout), stdout: &stdout, stderr: &stderr, terminal: terminal}
		ended := make(chan int)
		go func() { ended <- p.run(ctx, []string{"-url", s, "-watch", "-interval", "100ms"}) }()
		testutil.Eventually(t, "the leak is told twice", func() bool { return strings.Count(stdout.String(), "critical: leak") >= 2 })
		stop()
		testutil.Equal(t, "exit status", <-ended, exitFindings)
		if !strings.Contains(stdout.String(), "pool0: ok: ") || !strings.Contains(stderr.String(), "status 503: starting") {
			t.Errorf("got %s and %s", &stdout, &stderr)
		}
		testutil.Equal(t, "cleared on a terminal", strings.Contains(stdout.String(), clear), terminal)
	}
}
