package stack_test

import (
	"path/filepath"
	"syscall"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestStopEndsSuspendedProgram(t *testing.T) {
	t.Parallel()
	p, err := stack.Start(stack.Command{Name: "sleep", Path: "/bin/sleep", Args: []string{"1000"}, Log: filepath.Join(t.TempDir(), "log")})
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	testutil.NoError(t, p.Signal(syscall.SIGSTOP))
	testutil.Check(t, p.Stop())
}
