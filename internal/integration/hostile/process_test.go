package hostile

import (
	"errors"
	"os/exec"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
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
				out, err := newChild(t, connString, how, string(hook)).CombinedOutput()
				exit, ok := errors.AsType[*exec.ExitError](err)
				if !ok {
					t.Fatalf("%s: %v\n%s", how, err, out)
				}
				first, _, _ := strings.Cut(string(out), "\n")
				ends[how] = exit.String() + ", " + first
			}
			recordFigure(t, "without otelpool %q, with it %q", ends["bare"], ends["instrumented"])
			if ends["bare"] != "exit status 2, panic: mine" || ends["instrumented"] != ends["bare"] {
				t.Errorf("without otelpool %q, with it %q", ends["bare"], ends["instrumented"])
			}
		})
	}
}
