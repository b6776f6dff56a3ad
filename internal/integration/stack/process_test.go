package stack_test

import (
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"syscall"
	"testing"

	"github.com/prometheus/procfs"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// descendants returns the processes that a process started, and theirs in turn.
func descendants(t testing.TB, pid int) []int {
	t.Helper()
	processes, err := procfs.AllProcs()
	testutil.NoError(t, err)
	children := make(map[int][]int)
	for _, p := range processes {
		if stat, err := p.Stat(); err == nil { // else it has ended
			children[stat.PPID] = append(children[stat.PPID], p.PID)
		}
	}
	found := slices.Clone(children[pid])
	for i := 0; i < len(found); i++ {
		found = append(found, children[found[i]]...)
	}
	return found
}

// listeners returns the addresses that processes listen on by TCP.
func listeners(t testing.TB, pids []int) (ips []net.IP) {
	t.Helper()
	var sockets []string
	for _, pid := range pids {
		if p, err := procfs.NewProc(pid); err == nil { // else it has ended
			files, _ := p.FileDescriptorTargets()
			sockets = append(sockets, files...)
		}
	}
	fs, err := procfs.NewDefaultFS()
	testutil.NoError(t, err)
	//lint:ignore SA1019 it is slow where there are many connections
	tcp, err := fs.NetTCP()
	testutil.NoError(t, err)
	//lint:ignore SA1019 as above
	tcp6, _ := fs.NetTCP6() // the kernel may lack the protocol
	const listen = 0x0A
	for _, line := range append(tcp, tcp6...) {
		if line.St == listen && slices.Contains(sockets, fmt.Sprintf("socket:[%d]", line.Inode)) {
			ips = append(ips, line.LocalAddr)
		}
	}
	return ips
}

func TestStopEndsSuspendedProgram(t *testing.T) {
	t.Parallel()
	p, err := stack.Start(stack.Command{Name: "sleep", Path: "/bin/sleep", Args: []string{"1000"}, Log: filepath.Join(t.TempDir(), "log")})
	testutil.NoError(t, err)
	t.Cleanup(func() { _ = p.Kill() })
	testutil.NoError(t, p.Signal(syscall.SIGSTOP))
	testutil.Check(t, p.Stop())
}
