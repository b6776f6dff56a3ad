package collectortest_test

import (
	"bytes"
	"context"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// patience is how long a test waits for what has to come. It is long: a build, or a machine with much else to do, takes
// its time.
const patience = 2 * time.Minute

// builds are the programs, each built once.
var builds = map[programs.Program]func() (string, error){
	programs.Collector:  build(programs.Collector),
	programs.Prometheus: build(programs.Prometheus),
}

func build(p programs.Program) func() (string, error) {
	return sync.OnceValues(func() (string, error) { return p.Build(context.Background()) })
}

// executable gives the path of a program.
func executable(t *testing.T, p programs.Program) string {
	t.Helper()
	path, err := builds[p]()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// process is a program that runs.
type process struct {
	cmd   *exec.Cmd
	ended chan struct{} // closed when the program has ended

	mu     sync.Mutex
	output bytes.Buffer
}

// start starts a program with env added to its environment. It is ended with the test at the latest, and by the kernel
// if the test's process is killed.
func start(t *testing.T, path string, env []string, args ...string) *process {
	t.Helper()
	p := &process{cmd: exec.Command(path, args...), ended: make(chan struct{})}
	p.cmd.Env = append(p.cmd.Environ(), env...)
	p.cmd.Stdout, p.cmd.Stderr = p, p
	endWithParent(p.cmd)
	started := make(chan error)
	go func() {
		// The kernel counts the thread that started the program as its parent: keep it.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := p.cmd.Start()
		started <- err
		if err == nil {
			_ = p.cmd.Wait() // How it ended is in the state of the command.
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

// stop ends the program, politely for a while, and waits until it is gone.
func (p *process) stop() {
	_ = p.cmd.Process.Signal(terminate) // It may have ended.
	select {
	case <-p.ended:
	case <-time.After(patience / 4):
		_ = p.cmd.Process.Kill()
		<-p.ended
	}
}

// Write implements io.Writer for the program's output.
func (p *process) Write(b []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.Write(b)
}

// said returns what the program has written so far.
func (p *process) said() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.output.String()
}

// complaints returns the lines that are more than information.
func (p *process) complaints() string {
	var lines strings.Builder
	for line := range strings.Lines(p.said()) {
		if level := strings.ToLower(line); strings.Contains(level, "warn") || strings.Contains(level, "error") || strings.Contains(level, "retry") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// ready waits until the program has written the words, and tells whether it did. It did not if it ended because an address
// is in use: somebody else may have taken a port that was free a moment before.
func (p *process) ready(t *testing.T, words string) bool {
	t.Helper()
	ready := false
	eventually(t, p.cmd.Path+" to say "+words, func() bool {
		ready = strings.Contains(p.said(), words)
		select {
		case <-p.ended:
			if !strings.Contains(p.said(), "address already in use") {
				t.Fatalf("%s ended:\n%s", p.cmd.Path, p.said())
			}
			return true
		default:
			return ready
		}
	})
	return ready
}

// eventually waits until the condition holds.
func eventually(t *testing.T, what string, condition func() bool) {
	t.Helper()
	deadline := time.After(patience)
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for !condition() {
		select {
		case <-deadline:
			t.Fatalf("not within %v: %s", patience, what)
		case <-tick.C:
		}
	}
}

// freeAddress returns a loopback address that nobody listens on, each once.
func freeAddress(t *testing.T) string {
	t.Helper()
	address, err := programs.FreeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}
