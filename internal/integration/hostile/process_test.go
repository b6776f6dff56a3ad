package hostile

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestPanicOnPoolGoroutineEndsProcess compares panics of hooks that cannot be recovered, with and without
// instrumentation.
func TestPanicOnPoolGoroutineEndsProcess(t *testing.T) {
	t.Parallel()
	connString := postgrestest.Database(t)
	for _, hook := range poolHooks {
		t.Run(string(hook), func(t *testing.T) {
			t.Parallel()
			ends := map[string]string{}
			for _, how := range []string{"bare", "instrumented"} {
				out, err := newChild(t, connString, "crash", how, string(hook)).CombinedOutput()
				exit, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Fatalf("%s: %v\n%s", how, err, out)
				}
				first, _, _ := strings.Cut(string(out), "\n")
				ends[how] = exit.String() + ", " + first
			}
			recordFigure(t, "without us %q, with us %q", ends["bare"], ends["instrumented"])
			if ends["bare"] != "exit status 2, panic: mine" || ends["instrumented"] != ends["bare"] {
				t.Errorf("without us %q, with us %q", ends["bare"], ends["instrumented"])
			}
		})
	}
}

// TestSignalUnderLoadEndsProcess sends SIGTERM to programs that do not handle it, and to programs that shut down.
func TestSignalUnderLoadEndsProcess(t *testing.T) {
	t.Parallel()
	connString := postgrestest.Database(t)
	for _, tt := range []struct{ how, want string }{
		{"unaware", "signal: terminated"},
		{"graceful", "ended well"},
	} {
		for _, kind := range []string{"bare", "instrumented"} {
			t.Run(kind+" "+tt.how, func(t *testing.T) {
				t.Parallel()
				cmd := newChild(t, connString, "load", kind, tt.how)
				var stderr strings.Builder
				cmd.Stderr = &stderr
				stdout, err := cmd.StdoutPipe()
				testutil.NoError(t, err)
				testutil.NoError(t, cmd.Start())
				lines := bufio.NewScanner(stdout)
				lines.Scan()
				if err := cmd.Process.Signal(syscall.SIGTERM); err != nil || lines.Text() != "under load" {
					t.Errorf("it says %q, and signal %v", lines.Text(), err)
				}
				lines.Scan()
				got := lines.Text()
				if err := cmd.Wait(); err != nil {
					got += err.Error()
				}
				recordFigure(t, "it ends with %q", got)
				if got != tt.want || stderr.Len() > 0 {
					t.Errorf("it ends with %q, want %q: %s", got, tt.want, stderr.String())
				}
			})
		}
	}
}
