package main

import (
	"bytes"
	"crypto/rand"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/program"
	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// addr is the address of the program. The test replaces its port by a free one.
const addr = "127.0.0.1:9464"

func TestMain(m *testing.M) { postgrestest.Main(m) }

func TestQuickstartIsShort(t *testing.T) {
	t.Parallel()
	if n := bytes.Count(source(t), []byte("\n")); n > 48 {
		t.Errorf("main.go has %d lines, want at most 48", n)
	}
}

func TestQuickstartRecordsItsQuery(t *testing.T) {
	t.Parallel()
	databaseURL := postgrestest.Database(t)
	for range 10 {
		// The program ends if another one takes the port first.
		free, err := postgres.FreePort()
		testutil.NoError(t, err)
		port := strconv.Itoa(free)
		path := build(t, port)
		checkWrongURL(t, path)
		base := "http://127.0.0.1:" + port
		checkHelp(t, path, base)
		if start(t, path, base, databaseURL) {
			check(t, base)
			return
		}
	}
	t.Fatal("the program did not get any of ten free ports")
}

// checkWrongURL checks that the program reports a wrong connection string without its password.
func checkWrongURL(t *testing.T, path string) {
	t.Helper()
	e := program.Start(t, time.Minute, path, []string{postgres.URLEnv + "=postgres://user:hunter2/x@127.0.0.1/db"})
	e.End(1)
	if said := e.Stderr.String(); !strings.Contains(said, "otelpool: ") || strings.Contains(said, "hunter2") {
		t.Errorf("with a wrong connection string the program says %q", said)
	}
}

// checkHelp checks that -h says where to look.
func checkHelp(t *testing.T, path, base string) {
	t.Helper()
	e := program.Start(t, time.Minute, path, nil, "-h")
	e.End(0)
	if said := e.Stderr.String(); !strings.Contains(said, base) || !strings.Contains(said, postgres.URLEnv) {
		t.Errorf("-h: %s", said)
	}
}

func check(t *testing.T, base string) {
	t.Helper()
	status, body, err := get(base + "/tables")
	if count, _, ok := strings.Cut(body, " tables\n"); err != nil || status != http.StatusOK || !ok || count == "0" {
		t.Errorf("/tables: %v, status %d, %q", err, status, body)
	}
	status, body, err = get(base + "/metrics")
	if err != nil || status != http.StatusOK {
		t.Errorf("/metrics: %v, status %d", err, status)
	}
	for _, want := range []string{"\ndb_pool_size{", "\ndb_pool_checked_in{", `operation="count_tables"`} {
		if !strings.Contains(body, want) {
			t.Errorf("%q is not on /metrics:\n%s", want, body)
		}
	}
	status, body, err = get(base + "/debug/pool/")
	if err != nil || status != http.StatusOK || !strings.Contains(body, "count_tables") {
		t.Errorf("/debug/pool/: %v, status %d, %s", err, status, body)
	}
}

// start runs the program until the test ends. It returns false if the program ended because its port is taken.
func start(t *testing.T, path, base, databaseURL string) (running bool) {
	t.Helper()
	name := "quickstart " + rand.Text()
	e := program.Start(t, time.Minute, path, []string{postgres.URLEnv + "=" + databaseURL, "OTEL_SERVICE_NAME=" + name})
	e.Eventually("the program answers, or its port is taken", func() bool {
		if e.HasEnded() {
			return strings.Contains(e.Stderr.String(), "address already in use")
		}
		// Check the name, because another program may answer.
		_, body, err := get(base + "/metrics")
		running = err == nil && strings.Contains(body, name)
		return running
	})
	if said := e.Stderr.String(); running && (!strings.Contains(said, base+"/metrics") || !strings.Contains(said, base+"/debug/pool/")) {
		t.Errorf("the program does not say where to look: %q", said)
	}
	return running
}

// build builds the program with another port.
func build(t *testing.T, port string) string {
	t.Helper()
	changed := bytes.ReplaceAll(source(t), []byte(addr), []byte("127.0.0.1:"+port))
	if bytes.Equal(changed, source(t)) {
		t.Fatalf("main.go does not listen on %s", addr)
	}
	dir := t.TempDir()
	original, err := filepath.Abs("main.go")
	testutil.NoError(t, err)
	replacement, overlay, program := filepath.Join(dir, "main.go"), filepath.Join(dir, "overlay.json"), filepath.Join(dir, "quickstart")
	write(t, replacement, changed)
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {original: replacement}})
	testutil.NoError(t, err)
	write(t, overlay, replace)
	if out, err := exec.Command("go", "build", "-overlay", overlay, "-o", program, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

func write(t *testing.T, path string, content []byte) {
	t.Helper()
	testutil.NoError(t, os.WriteFile(path, content, 0o600))
}

func source(t *testing.T) []byte {
	t.Helper()
	text, err := os.ReadFile("main.go")
	testutil.NoError(t, err)
	return text
}

func get(url string) (status int, body string, err error) {
	res, err := http.Get(url)
	if err != nil {
		return 0, "", err
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	return res.StatusCode, string(text), err
}
