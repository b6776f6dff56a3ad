package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// testTimeout limits every wait. Only a failing test reaches it.
const testTimeout = time.Minute

// build builds the program, with the race detector if the test has it.
func build(t *testing.T) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), "loadtest")
	args := []string{"build", "-o", program}
	if info, ok := debug.ReadBuildInfo(); ok && slices.Contains(info.Settings, debug.BuildSetting{Key: "-race", Value: "true"}) {
		args = append(args, "-race")
	}
	if out, err := exec.Command("go", append(args, ".")...).CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	return program
}

// execution is a run of the program.
type execution struct {
	*testing.T
	cmd            *exec.Cmd
	temp           string // directory for temporary files
	stdout, stderr *testutil.Buffer
	exited         chan struct{}
}

func start(t *testing.T, program string, env []string, args ...string) *execution {
	t.Helper()
	// Not t.TempDir: PostgreSQL may run as another user and needs access, and a socket's path must be short.
	temp, err := os.MkdirTemp("/tmp", "otelpool-loadtest-")
	if err == nil {
		err = os.Chmod(temp, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	e := &execution{T: t, cmd: exec.Command(program, args...), temp: temp, stdout: &testutil.Buffer{}, stderr: &testutil.Buffer{}, exited: make(chan struct{})}
	e.cmd.Env = slices.DeleteFunc(os.Environ(), func(v string) bool {
		name, _, _ := strings.Cut(v, "=")
		return name == "DATABASE_URL" || name == "TMPDIR" || strings.HasPrefix(name, "OTEL")
	})
	e.cmd.Env = append(append(e.cmd.Env, "TMPDIR="+temp), env...)
	e.cmd.Stdout, e.cmd.Stderr = e.stdout, e.stderr
	if err := e.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		_ = e.cmd.Wait()
		close(e.exited)
	}()
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill()
		<-e.exited
		e.eventually("temporary files are gone", func() bool { return os.Remove(temp) == nil })
	})
	return e
}

// eventually waits until isTrue returns true.
func (e *execution) eventually(what string, isTrue func() bool) {
	e.Helper()
	deadline := time.Now().Add(testTimeout)
	for !isTrue() {
		if time.Now().After(deadline) {
			e.Fatalf("not seen: %s\n%s\n%s", what, e.stdout, e.stderr)
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// end waits until the program has ended and checks its exit status.
func (e *execution) end(status int) {
	e.Helper()
	select {
	case <-e.exited:
	case <-time.After(testTimeout):
		e.Fatalf("the program does not end\n%s\n%s", e.stdout, e.stderr)
	}
	if got := e.cmd.ProcessState.ExitCode(); got != status {
		e.Fatalf("exit status %d (%v), want %d\n%s\n%s", got, e.cmd.ProcessState, status, e.stdout, e.stderr)
	}
}
