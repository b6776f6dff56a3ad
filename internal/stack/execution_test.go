package stack_test

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// command builds the command once.
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

// execution is a run of the command.
type execution struct {
	*testing.T
	cmd            *exec.Cmd
	temp           string
	stdout, stderr *output
	exited         chan struct{}
}

// output is what a program wrote so far. It is safe for concurrent use.
type output struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.buf.String()
}

// addresses are the variables of all addresses.
var addresses = []string{"ADDR", "OTLP_GRPC_ENDPOINT", "OTLP_HTTP_ENDPOINT", "PROMETHEUS_ENDPOINT", "PROMETHEUS_ADDR"}

// freePorts gives every address a free port.
func freePorts(t *testing.T) map[string]string {
	t.Helper()
	ports := make(map[string]string)
	for _, name := range addresses {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer listener.Close()
		ports[name] = listener.Addr().String()
	}
	return ports
}

// execute starts the command on free ports, unless env says otherwise.
func execute(t *testing.T, env map[string]string, args ...string) *execution {
	t.Helper()
	path, err := command()
	if err != nil {
		t.Fatal(err)
	}
	// Not t.TempDir: PostgreSQL, which may run as another user, must get in, and a socket's path must be short.
	temp, err := os.MkdirTemp("/tmp", "otelpool-")
	if err == nil {
		err = os.Chmod(temp, 0o755)
	}
	if err != nil {
		t.Fatal(err)
	}
	e := &execution{T: t, cmd: exec.Command(path, args...), temp: temp, stdout: &output{}, stderr: &output{}, exited: make(chan struct{})}
	e.cmd.Env = append(os.Environ(), "TMPDIR="+temp, "DATABASE_URL=", "DURATION=", "OTEL_METRIC_EXPORT_INTERVAL=500")
	for _, variables := range []map[string]string{freePorts(t), env} {
		for name, value := range variables {
			e.cmd.Env = append(e.cmd.Env, name+"="+value)
		}
	}
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
		if err := os.RemoveAll(temp); err != nil {
			t.Error(err)
		}
	})
	return e
}

// running waits until everything runs, and gives the processes that the command started, PostgreSQL's among them.
func (e *execution) running() []int {
	e.Helper()
	eventually(e.T, "everything runs", func() bool {
		select {
		case <-e.exited:
			e.Fatalf("ended:\n%s%s", e.stdout, e.stderr)
		default:
		}
		return strings.Contains(e.stdout.String(), "Everything runs")
	})
	return descendants(e.T, e.cmd.Process.Pid)
}

// exit waits until the command has ended, and gives its exit code. Nothing may be left of it.
func (e *execution) exit(started []int) int {
	e.Helper()
	select {
	case <-e.exited:
	case <-time.After(patience):
		e.Fatalf("has not ended:\n%s%s", e.stdout, e.stderr)
	}
	eventually(e.T, "the processes are gone", func() bool {
		return !slices.ContainsFunc(started, func(pid int) bool { return syscall.Kill(pid, 0) == nil })
	})
	eventually(e.T, "temporary files are gone", func() bool {
		left, err := os.ReadDir(e.temp)
		return err == nil && len(left) == 0
	})
	return e.cmd.ProcessState.ExitCode()
}
