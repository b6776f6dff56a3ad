package hostile

import (
	"context"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

// TestProgramsStartedUnderLoadInheritNothing starts programs by fork and exec while pools are in use and collected.
// The programs must succeed and inherit no connections, and the pools must not be affected.
func TestProgramsStartedUnderLoadInheritNothing(t *testing.T) {
	t.Parallel()
	m := measure(t)
	defer m.end()
	pool, inst := makePool(t, onDatabase(t, enough), m)
	ctx, cancel := context.WithCancel(t.Context())
	var load sync.WaitGroup
	for range 4 {
		load.Go(func() {
			for ctx.Err() == nil {
				if _, err := pool.Exec(context.WithoutCancel(ctx), "SELECT 1"); err != nil {
					t.Error(err)
				}
			}
		})
	}
	for range 50 {
		out, err := exec.CommandContext(t.Context(), "ls", "-l", "/proc/self/fd").CombinedOutput()
		if err != nil || !strings.Contains(string(out), "->") || strings.Contains(string(out), "socket:") {
			t.Errorf("%v\n%s", err, out)
		}
	}
	cancel()
	load.Wait()
	recordFigure(t, "50 programs started under load: none has a socket of ours")
	m.goesOn(t)
	postgrestest.ClosePool(t, pool)
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}
