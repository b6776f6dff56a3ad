// Package program runs a program of the examples for its tests.
package program

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/proc"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// Build builds the program in the folder of the test, with the race detector if the test has it.
func Build(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "program")
	args := []string{"build", "-o", path}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return path
}

// Execution is a run of a program. It ends at the latest with the test.
type Execution struct {
	*testing.T
	Cmd            *exec.Cmd
	Temp           string // directory for temporary files, which must be empty at the end
	Stdout, Stderr *testutil.Buffer
	Exited         chan struct{}

	limit time.Duration
}

// Start starts a program with the variables env, without those of the test that the programs read. limit is the time
// limit of each Eventually.
func Start(t *testing.T, limit time.Duration, path string, env []string, args ...string) *Execution {
	t.Helper()
	// Not t.TempDir: PostgreSQL may run as another user and needs access, and a socket's path must be short.
	temp, err := os.MkdirTemp("/tmp", "otelpool-example-")
	if err == nil {
		err = os.Chmod(temp, 0o755)
	}
	testutil.NoError(t, err)
	e := &Execution{
		T: t, Cmd: exec.Command(path, args...), Temp: temp, Stdout: &testutil.Buffer{}, Stderr: &testutil.Buffer{},
		Exited: make(chan struct{}), limit: limit,
	}
	e.Cmd.Env = slices.Concat(environment(), []string{"TMPDIR=" + temp}, env)
	e.Cmd.Stdout, e.Cmd.Stderr = e.Stdout, e.Stderr
	testutil.NoError(t, proc.Start(e.Cmd, syscall.SIGKILL, func(error) { close(e.Exited) }))
	t.Cleanup(func() {
		_ = e.Cmd.Process.Kill()
		<-e.Exited
		e.Eventually("temporary files are gone", func() bool { return os.Remove(temp) == nil })
	})
	return e
}

// environment returns the test's own environment without the variables that the programs read.
func environment() []string {
	return slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return slices.Contains([]string{"ADDR", "DURATION", "DATABASE_URL", "TMPDIR"}, name) ||
			strings.HasPrefix(name, "OTEL_") || strings.HasPrefix(name, "OTELPOOL_SIZING_")
	})
}

// Eventually waits until the condition holds. If it does not, Eventually logs the program's output.
func (e *Execution) Eventually(what string, condition func() bool) {
	e.Helper()
	held := false
	defer func() {
		if !held {
			e.Logf("%s\n%s", e.Stdout, e.Stderr)
		}
	}()
	testutil.Within(e, e.limit, what, condition)
	held = true
}

// End waits until the program has ended and checks its exit status.
func (e *Execution) End(status int) {
	e.Helper()
	e.Eventually("the program has ended", e.HasEnded)
	if got := e.Cmd.ProcessState.ExitCode(); got != status {
		e.Fatalf("exit status %d (%v), want %d\n%s\n%s", got, e.Cmd.ProcessState, status, e.Stdout, e.Stderr)
	}
}

// HasEnded reports whether the program has ended.
func (e *Execution) HasEnded() bool {
	select {
	case <-e.Exited:
		return true
	default:
		return false
	}
}
