//go:build unix

package postgres

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestRestartKeepsPortAndData(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	port := s.Port()
	execute(t, connect(t, s.ConnString()), "CREATE TABLE kept AS SELECT 7 AS n")
	old := s.pids(t)
	testutil.NoError(t, s.Restart(t.Context()))
	checkEnded(t, old)
	if s.Port() != port {
		t.Errorf("port %d became %d", port, s.Port())
	}
	testutil.Equal(t, "in the table", query[int](t, connect(t, s.ConnString()), "SELECT n FROM kept"), 7)
}

func TestCrashKillsAllAndRestartRecovers(t *testing.T) {
	t.Parallel()
	s := startServer(t, WithSetting("synchronous_commit", "on"))
	conn := connect(t, s.ConnString())
	execute(t, conn, "CREATE TABLE kept AS SELECT 7 AS n")
	busy := connect(t, s.ConnString())
	go func() {
		// A busy backend does not notice that the postmaster is gone.
		_, _ = busy.Exec(context.Background(), "SELECT count(*) FROM generate_series(1, 100000000000)")
	}()
	testutil.Eventually(t, "the query has started", func() bool {
		return query[int](t, conn, "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT count.*generate'") > 0
	})
	pids := s.pids(t)
	testutil.NoError(t, s.Crash())
	checkEnded(t, pids)
	if c, err := pgx.Connect(t.Context(), s.ConnString()); err == nil {
		_ = c.Close(t.Context())
		t.Error("the server accepts connections after Crash")
	}
	if err := s.Crash(); err != nil {
		t.Errorf("Crash after Crash: %v", err)
	}
	testutil.NoError(t, s.Restart(t.Context()))
	testutil.Equal(t, "in the table", query[int](t, connect(t, s.ConnString()), "SELECT n FROM kept"), 7)
}

func TestStopAfterCrashLeavesNothing(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	lock, err := os.ReadFile(s.data() + "/postmaster.pid")
	testutil.NoError(t, err)
	memory := strings.Fields(strings.Split(string(lock), "\n")[6])[1]
	if !sharedMemoryExists(t, memory) {
		t.Fatalf("the server has no shared memory %s", memory)
	}
	testutil.NoError(t, s.Crash())
	testutil.NoError(t, s.Stop())
	checkGone(t, nil, s.dir)
	if sharedMemoryExists(t, memory) {
		t.Errorf("shared memory %s is left behind", memory)
	}
}

func TestRestartReportsTakenPort(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	testutil.NoError(t, s.Crash())
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(s.Port())))
	testutil.NoError(t, err)
	if err := s.Restart(t.Context()); !errors.Is(err, errPortTaken) {
		t.Errorf("Restart on a port that is taken: %v", err)
	}
	testutil.NoError(t, l.Close())
	testutil.NoError(t, s.Restart(t.Context()))
}

func TestRestartWorksAfterCancelledRestart(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Restart(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Restart with a cancelled context: %v", err)
	}
	testutil.NoError(t, s.Restart(t.Context()))
	_ = connect(t, s.ConnString())
}

// TestRestartRemovesEmptyLocks leaves lock files like those of a server that was killed while starting.
func TestRestartRemovesEmptyLocks(t *testing.T) {
	t.Parallel()
	s := startServer(t)
	testutil.NoError(t, s.Crash())
	for _, path := range []string{s.dir + "/.s.PGSQL." + strconv.Itoa(s.Port()) + ".lock", s.data() + "/postmaster.pid"} {
		testutil.NoError(t, os.WriteFile(path, nil, 0o666))
	}
	testutil.NoError(t, s.Restart(t.Context()))
	_ = connect(t, s.ConnString())
}

// sharedMemoryExists reports whether a System V shared memory segment with this id exists.
func sharedMemoryExists(t *testing.T, id string) bool {
	t.Helper()
	out, err := exec.Command("ipcs", "-m").Output()
	testutil.NoError(t, err)
	for line := range strings.Lines(string(out)) {
		if fields := strings.Fields(line); len(fields) > 1 && slices.Contains(fields[:2], id) {
			return true
		}
	}
	return false
}
