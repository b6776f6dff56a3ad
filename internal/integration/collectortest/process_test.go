package collectortest_test

import (
	"context"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/proc"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// waitLimit is how long a test waits for an event. It is long, because a build or a busy machine takes time.
const waitLimit = 2 * time.Minute

// builds are the programs, each built once.
var builds = map[programs.Program]func() (string, error){
	programs.Collector:  build(programs.Collector),
	programs.Prometheus: build(programs.Prometheus),
}

func build(p programs.Program) func() (string, error) {
	return sync.OnceValues(func() (string, error) { return p.Build(context.Background()) })
}

// executable returns the path of a program.
func executable(t *testing.T, p programs.Program) string {
	t.Helper()
	path, err := builds[p]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a running program.
type process struct {
	cmd    *exec.Cmd
	ended  chan struct{} // closed when the program has ended
	output testutil.Buffer
}

// start starts a program with env added to its environment. The program ends with the test at the latest. If the
// test's process is killed, the kernel ends the program.
func start(t *testing.T, path string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = &p.output, &p.output
	p.cmd.SysProcAttr = new(syscall.SysProcAttr)
	proc.EndWithParent(p.cmd.SysProcAttr, syscall.SIGKILL)
	started := make(chan error)
	go func() {
		// The kernel treats the thread that started the program as its parent, so keep the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // the state of the command has the result
			close(p.ended)
		}
	}()
	if err := <-started; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		p.stop()
		if t.Failed() {
			t.Logf("%s %v complained:\n%s", path, args, p.complaints())
		}
	})
	return p
}

// stop ends the program, first with a signal, then by force, and waits until it has ended.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(os.Interrupt) // it may have ended
	select {
	case <-p.ended:
	case <-time.After(waitLimit / 4):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// complaints returns the lines above the level of information.
func (p *process) complaints() string {
	var lines strings.Builder
	for line := range strings.Lines(p.output.String()) {
		if level := strings.ToLower(line); strings.Contains(level, "warn") || strings.Contains(level, "error") || strings.Contains(level, "retry") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// ready waits until the program has printed the words, and reports whether it did. It returns false if the program
// ended because an address was in use: another process may have taken a port that was free a moment before.
func (p *process) ready(t *testing.T, words string) bool {
	t.Helper()
	ready := false
	testutil.Within(t, waitLimit, p.cmd.Path+" to say "+words, func() bool {
		ready = strings.Contains(p.output.String(), words)
		select {
		case <-p.ended:
			if !strings.Contains(p.output.String(), "address already in use") {
				t.Fatalf("%s ended:\n%s", p.cmd.Path, p.output.String())
			}
			return true
		default:
			return ready
		}
	})
	return ready
}

// freeAddress returns a free loopback address, each once.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := programs.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
