package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/internal/proc"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// waitLimit is how long a condition may take that needs several scrapes.
const waitLimit = 2 * time.Minute

// listening matches the log line with Prometheus' address.
var listening = regexp.MustCompile(`msg="Listening on".* address=(\S+)`)

// startPrometheus runs a Prometheus server until the test ends, and returns its address.
func startPrometheus(t *testing.T, config string) string {
	t.Helper()
	binary, err := programs.Prometheus.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "prometheus.yml"), []byte(config), 0o600); err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	cmd := exec.CommandContext(ctx, binary, "--config.file=prometheus.yml", "--storage.tsdb.path=data", "--web.listen-address=127.0.0.1:0")
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = time.Minute
	cmd.SysProcAttr = new(syscall.SysProcAttr)
	proc.EndWithParent(cmd.SysProcAttr, syscall.SIGKILL)
	said, writer := io.Pipe()
	cmd.Stderr = writer
	ended := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // the kernel ends the child with the thread that started it
		defer runtime.UnlockOSThread()
		ended <- writer.CloseWithError(cmd.Run())
	}()
	t.Cleanup(func() { stop(); <-ended })

	address, log := make(chan string, 1), new(strings.Builder)
	go func() {
		defer close(address)
		lines := bufio.NewScanner(said)
		for lines.Scan() {
			if match := listening.FindStringSubmatch(lines.Text()); match != nil {
				address <- match[1]
				break
			}
			fmt.Fprintln(log, lines.Text())
		}
		if err := lines.Err(); err != nil {
			fmt.Fprintln(log, err)
		}
		_, _ = io.Copy(io.Discard, said)
	}()
	select {
	case a, ok := <-address:
		if !ok {
			t.Fatalf("prometheus ended:\n%s", log)
		}
		testutil.Within(t, waitLimit, "prometheus is ready", func() bool {
			response, err := http.Get("http://" + a + "/-/ready")
			if err != nil {
				return false
			}
			return response.Body.Close() == nil && response.StatusCode == http.StatusOK
		})
		return "http://" + a
	case <-time.After(2 * time.Minute):
		t.Fatal("prometheus does not listen")
		return ""
	}
}

// awaitScrapes waits until Prometheus has scraped both jobs twice after now.
func awaitScrapes(t *testing.T, server string) {
	t.Helper()
	u, err := fetch.Address("-prometheus", server)
	if err != nil {
		t.Fatal(err)
	}
	begin := strconv.FormatFloat(float64(time.Now().UnixMilli())/1000, 'f', 3, 64)
	twice := query{sizeMetric, "(timestamp(" + sizeMetric + ") > " + begin + ") and (timestamp(" + sizeMetric + " offset 1s) > " + begin + ")", 1}
	testutil.Within(t, waitLimit, "both jobs are scraped twice", func() bool {
		scraped := totalsByPool{}
		if err := newEnvironment().ask(t.Context(), u, twice, time.Now(), scraped); err != nil {
			t.Fatal(err)
		}
		return len(scraped) == 2
	})
}
