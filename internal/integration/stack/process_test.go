package stack_test

import (
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// shell starts a script.
func shell(t *testing.T, script string) *stack.Process {
	t.Helper()
	p, err := stack.Start(stack.Command{
		Name: "script", Path: "/bin/sh", Args: []string{"-c", script}, Env: []string{"WORD=hello"}, Log: filepath.Join(t.TempDir(), "log"),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	return p
}

func TestEndedReportsLastLinesOfOutput(t *testing.T) {
	t.Parallel()
	p := shell(t, "for i in $(seq 30); do echo line $i; done; echo $WORD >&2; exit 7")
	<-p.Done()
	err := p.Ended()
	for _, want := range []string{"script ended by itself (exit status 7)", "    line 30\n", "    hello"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v: want %q", err, want)
		}
	}
	if err != nil && strings.Contains(err.Error(), "line 12\n") {
		t.Errorf("these are too many lines:\n%v", err)
	}
	if err := p.Stop(); err != nil {
		t.Errorf("stop what has ended: %v", err)
	}
}

func TestStopAsksProgramToEnd(t *testing.T) {
	t.Parallel()
	p := shell(t, `trap "echo asked; exit 0" TERM; echo ready; while true; do sleep 0.05; done`)
	testutil.Within(t, stacktest.WaitLimit, "the script is ready", func() bool { return p.LastLines(1) == "ready" })
	if p.Ended() != nil {
		t.Errorf("it runs: %v", p.Ended())
	}
	if err := p.Stop(); err != nil {
		t.Fatal(err)
	}
	if got := p.LastLines(1); got != "asked" {
		t.Errorf("its last line is %q", got)
	}
}

func TestStopEndsSuspendedProgram(t *testing.T) {
	t.Parallel()
	p := shell(t, "exec sleep 1000")
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStartRefusesMissingProgram(t *testing.T) {
	t.Parallel()
	_, err := stack.Start(stack.Command{Name: "nothing", Path: "/nowhere/nothing", Log: filepath.Join(t.TempDir(), "log")})
	if err == nil || !strings.Contains(err.Error(), "start nothing:") {
		t.Errorf("got %v", err)
	}
}

func TestUsageReadsTimeAndMemory(t *testing.T) {
	t.Parallel()
	p := shell(t, "while true; do :; done")
	testutil.Within(t, stacktest.WaitLimit, "processor time is used", func() bool {
		usage, err := stack.UsageOf(p.PID())
		if err != nil {
			t.Fatal(err)
		}
		return usage.CPU > 0 && usage.Memory > 0
	})
}
