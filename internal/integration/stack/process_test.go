package stack_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

func TestStopEndsSuspendedProgram(t *testing.T) {
	t.Parallel()
	p, err := stack.Start(stack.Command{Name: "sleep", Path: "/bin/sleep", Args: []string{"1000"}, Log: filepath.Join(t.TempDir(), "log")})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.Kill() })
	if err := p.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	if err := p.Stop(); err != nil {
		t.Error(err)
	}
}
