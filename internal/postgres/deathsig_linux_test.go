package postgres

import (
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

func TestKernelEndsServerWithoutWatchdog(t *testing.T) {
	t.Parallel()
	f := newFolders(t)
	cmd, server := startHelper(t, f)
	dir, pids := server()
	killed := 0
	for _, p := range processesNaming(t, dir) {
		if fields := strings.Fields(p); strings.Contains(p, "otelpool-watchdog") {
			watchdog, err := strconv.Atoi(fields[0])
			testutil.NoError(t, err)
			testutil.NoError(t, syscall.Kill(watchdog, syscall.SIGKILL))
			killed++
		}
	}
	if killed != 1 {
		t.Fatalf("there are %d watchdogs", killed)
	}
	testutil.NoError(t, cmd.Process.Kill())
	checkGone(t, pids, filepath.Join(dir, "data", "postmaster.pid"))
}

func TestServerOutlivesStartingThread(t *testing.T) {
	t.Parallel()
	servers := make(chan *Server)
	go func() {
		defer close(servers)
		runtime.LockOSThread() // the thread ends with the goroutine
		s, err := Start(t.Context())
		if err != nil {
			t.Error(err)
			return
		}
		servers <- s
	}()
	for s := range servers {
		t.Cleanup(func() { testutil.NoError(t, s.Stop()) })
		select {
		case <-s.process.exited:
			t.Error("the server ended")
		default:
			_ = connect(t, s.ConnString())
		}
	}
}
