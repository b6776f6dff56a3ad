package hostile

import (
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

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func build(t *testing.T, names ...string) string {
	t.Helper()
	root, err := programs.Root()
	testutil.NoError(t, err)
	dir := filepath.Join(root, ".tmp", "bin")
	cmd := exec.CommandContext(t.Context(), "go", append([]string{"build", "-o", dir + string(filepath.Separator)}, names...)...)
	cmd.Dir = filepath.Join(root, "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return dir
}

// programEnv returns an example's environment with secrets.
func programEnv(databaseURL string) []string {
	return []string{
		"DATABASE_URL=" + databaseURL, "OTEL_EXPORTER_OTLP_ENDPOINT=http://127.0.0.1:1", "OTEL_EXPORTER_OTLP_HEADERS=authorization=Bearer%20Token" + mark,
	}
}

func program(ctx context.Context, s *surfaces, name, databaseURL string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Env = append(os.Environ(), programEnv(databaseURL)...)
	out := s.writer(filepath.Base(name))
	cmd.Stdout, cmd.Stderr = out, out
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = waitLimit
	return cmd
}

// TestProgramsShowNoSecret runs the examples with a secret password of the database, and with unusable addresses that
// contain it. It searches their output and pages for the secret.
func TestProgramsShowNoSecret(t *testing.T) {
	t.Parallel()
	connString := serverWithSecret(t)
	bin, s := build(t, "./capacity", "./demo", "./loadtest", "./quickstart"), newSurfaces()
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
	logs := t.TempDir()
	demo := startDemo(t, logs, programEnv(connString)...)
	for _, path := range []string{"/", "/metrics", "/users/1", "/users", "/report", "/dashboard", "/nowhere/x"} {
		s.add("demo's pages", get(t, "http://"+demo.Address+path))
	}
	testutil.Check(t, demo.Stop())
	log, err := os.ReadFile(filepath.Join(logs, "demo.log"))
	testutil.NoError(t, err)
	s.add("demo", log)
	s.check(t, map[string][]string{"demo": {"PostgreSQL"}, "demo's pages": {"db_pool_size"}, "loadtest": {"PASS"}, "quickstart": {"malformed connection string"}, "capacity": {"capacity: "}})
}

// startDemo runs the demo until the test ends, with its log in dir. It returns when the demo's load has begun.
func startDemo(t *testing.T, dir string, env ...string) *stack.Demo {
	t.Helper()
	program, err := programs.Demo.Build(t.Context())
	testutil.NoError(t, err)
	demo, err := stack.StartDemo(deadline(t), stack.DemoSettings{Program: program, Env: env, Dir: dir})
	testutil.NoError(t, err)
	t.Cleanup(func() { testutil.Check(t, demo.Kill()) })
	testutil.Eventually(t, "the demo uses its pool", func() bool {
		return strings.Contains(get(t, "http://"+demo.Address+"/metrics"), "db_query_duration_seconds_count")
	})
	return demo
}

func get(t *testing.T, url string) string {
	t.Helper()
	response, err := http.Get(url)
	testutil.NoError(t, err)
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	testutil.Check(t, err)
	return fmt.Sprint(response.Status, response.Header, string(body))
}
