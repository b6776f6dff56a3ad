package stack_test

import (
	"errors"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var command = sync.OnceValues(func() (string, error) {
	root, err := programs.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".tmp", "bin", "stack")
	if out, err := exec.Command("go", "build", "-o", path, "./cmd/stack").CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, nil
})

type execution struct {
	*testing.T
	cmd            *exec.Cmd
	ports          map[string]string // the free ports, by variable
	temp           string
	stdout, stderr *testutil.Buffer
	exited         chan struct{}
}

var addresses = []string{"ADDR", "OTLP_GRPC_ENDPOINT", "OTLP_HTTP_ENDPOINT", "PROMETHEUS_ENDPOINT", "PROMETHEUS_ADDR"}

func freePorts(t *testing.T) map[string]string {
	t.Helper()
	ports := make(map[string]string)
	for _, name := range addresses {
		ports[name] = stacktest.FreeAddress(t)
	}
	return ports
}

// execute starts the command on free ports, unless env sets others.
func execute(t *testing.T, env map[string]string, args ...string) *execution {
	t.Helper()
	path, err := command()
	testutil.NoError(t, err)
	// Not t.TempDir: PostgreSQL may run as another user, which must be able to enter the folder, and a socket's path
	// must be short.
	temp, err := os.MkdirTemp("/tmp", "otelpool-")
	if err == nil {
		err = os.Chmod(temp, 0o755)
	}
	testutil.NoError(t, err)
	e := &execution{
		T: t, cmd: exec.Command(path, args...), ports: freePorts(t), temp: temp, stdout: &testutil.Buffer{}, stderr: &testutil.Buffer{},
		exited: make(chan struct{}),
	}
	maps.DeleteFunc(e.ports, func(name, _ string) bool { return env[name] != "" })
	e.cmd.Env = append(os.Environ(), "TMPDIR="+temp, "DATABASE_URL=", "DURATION=", "OTEL_METRIC_EXPORT_INTERVAL=500")
	for _, variables := range []map[string]string{e.ports, env} {
		for name, value := range variables {
			e.cmd.Env = append(e.cmd.Env, name+"="+value)
		}
	}
	e.cmd.Stdout, e.cmd.Stderr = e.stdout, e.stderr
	testutil.NoError(t, e.cmd.Start())
	go func() {
		_ = e.cmd.Wait()
		close(e.exited)
	}()
	t.Cleanup(func() {
		_ = e.cmd.Process.Kill()
		<-e.exited
		testutil.Check(t, os.RemoveAll(temp))
	})
	return e
}

// running starts the command and waits until everything runs. It returns the processes that the command started,
// including PostgreSQL's.
func running(t *testing.T, env map[string]string) (e *execution, started []int) {
	t.Helper()
	for runs := false; !runs; {
		e = execute(t, env)
		testutil.Within(t, stacktest.WaitLimit, "everything runs", func() bool {
			ended := e.hasEnded()
			runs = strings.Contains(e.stdout.String(), "Everything runs")
			if ended && !runs && !e.lostPort() {
				t.Fatalf("ended:\n%s%s", e.stdout, e.stderr)
			}
			return ended || runs
		})
	}
	return e, descendants(t, e.cmd.Process.Pid)
}

func (e *execution) hasEnded() bool {
	select {
	case <-e.exited:
		return true
	default:
		return false
	}
}

// lostPort reports whether another process took a port after freePorts returned it.
func (e *execution) lostPort() bool {
	said := e.stderr.String()
	for _, port := range e.ports {
		if strings.Contains(said, port+": bind: address already in use") {
			return true
		}
	}
	return false
}

// exit waits until the command has ended, and returns its exit code. It checks that no process is left.
func (e *execution) exit(started []int) int {
	e.Helper()
	select {
	case <-e.exited:
	case <-time.After(stacktest.WaitLimit):
		e.Fatalf("has not ended:\n%s%s", e.stdout, e.stderr)
	}
	testutil.Within(e.T, stacktest.WaitLimit, "the processes are gone", func() bool {
		return !slices.ContainsFunc(started, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
	testutil.Within(e.T, stacktest.WaitLimit, "temporary files are gone", func() bool {
		left, err := os.ReadDir(e.temp)
		return err == nil && len(left) == 0
	})
	return e.cmd.ProcessState.ExitCode()
}
