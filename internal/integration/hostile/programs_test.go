package hostile

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// build builds the programs of examples, and returns their folder.
func build(t *testing.T) string {
	t.Helper()
	root, err := programs.Root()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	cmd := exec.CommandContext(t.Context(), "go", "build", "-o", dir+string(filepath.Separator), "./...")
	cmd.Dir = filepath.Join(root, "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// program returns the command of an example, with secrets in its environment.
func program(ctx context.Context, s *surfaces, name, databaseURL string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), "DATABASE_URL="+databaseURL,
		"OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20Token"+mark)
	out := s.writer(filepath.Base(name))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = waitLimit
	return cmd
}

// freeAddr returns a free loopback address.
func freeAddr(t *testing.T) string {
	t.Helper()
	addr, err := programs.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return addr
}

// TestProgramsShowNoSecret runs the examples with a secret password of the database, and with unusable addresses that
// contain it. It searches their output and pages for the secret.
func TestProgramsShowNoSecret(t *testing.T) {
	t.Parallel()
	connString, _ := serverWithSecret(t)
	bin, s := build(t), newSurfaces()
	run := func(wantFailure bool, name, databaseURL string, args ...string) {
		t.Helper()
		if err := program(deadline(t), s, filepath.Join(bin, name), databaseURL, args...).Run(); (err != nil) != wantFailure {
			t.Errorf("%s %q: %v", name, args, err)
		}
	}
	run(false, "loadtest", connString, "-duration", "500ms", "-concurrency", "20")
	for _, bad := range []string{
		strings.Replace(connString, "127.0.0.1:", "127.0.0.1:x", 1), connString + "&sslmode=x", "host=127.0.0.1 password=" + secret + " port=x",
		"postgres://u:" + secret + "@127.0.0.1:1/db", "postgres://keeper:wrong" + mark + strings.SplitAfter(connString, secret)[1], "password='" + secret, "postgres://u:" + secret + "%zz@h/d",
	} {
		run(true, "loadtest", bad, "-duration", "1s")
		run(true, "loadtest", connString, "-dsn", bad, "-rate", "100", "-for", "1s")
		run(true, "demo", bad, "-addr", "127.0.0.1:0", "-duration", "1s")
		if strings.Contains(bad, "x") && !strings.Contains(bad, "@127.0.0.1:1/") && !strings.Contains(bad, "keeper:wrong") {
			run(true, "quickstart", bad)
		}
	}
	for _, address := range []string{"http://u:" + secret + "@127.0.0.1:1/metrics?token=" + secret, "http://u:" + secret + "@[::1/x", "ftp://" + secret, "http://u:" + secret + "@h:x/%zz"} {
		run(true, "capacity", connString, "-metrics", address)
		run(true, "capacity", connString, "-prometheus", address)
		run(true, "capacity", connString, "-rate", address)
		run(true, "capacity", connString, "-pool", "x", address)
	}
	withDemo(t, s, bin, connString, func(addr string, _ int) {
		for _, path := range []string{"/", "/metrics", "/users/1", "/users", "/report", "/dashboard", "/nowhere/x"} {
			s.add("demo's pages", get(t, "http://"+addr+path))
		}
	})
	s.check(t, map[string][]string{"demo": {"PostgreSQL"}, "demo's pages": {"db_pool_size"}, "loadtest": {"PASS"}, "quickstart": {"malformed connection string"}, "capacity": {"capacity: "}})
}

// withDemo runs the demo and calls do with its address and process id.
func withDemo(t *testing.T, s *surfaces, bin, connString string, do func(addr string, pid int)) {
	t.Helper()
	ctx, cancel := context.WithCancel(deadline(t))
	defer cancel()
	addr := freeAddr(t)
	cmd := program(ctx, s, filepath.Join(bin, "demo"), connString, "-addr", addr)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	testutil.Eventually(t, "the demo serves", func() bool {
		select {
		case err := <-ended:
			t.Fatalf("the demo ended: %v", err)
		default:
		}
		response, err := http.Get("http://" + addr + "/metrics")
		if err != nil {
			return false
		}
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		return err == nil && bytes.Contains(body, []byte("db_query_duration_seconds_count"))
	})
	do(addr, cmd.Process.Pid)
	cancel()
	select {
	case <-ended:
	case <-time.After(waitLimit):
		t.Error("the demo does not end")
	}
}

// get returns a page with its headers.
func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Error(err)
	}
	return fmt.Sprint(response.Status, response.Header, string(body))
}
