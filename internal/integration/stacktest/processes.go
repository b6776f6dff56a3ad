package stacktest

import (
	"encoding/hex"
	"net"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/procfs"
)

// Descendants returns the processes that a process started, and theirs in turn.
func Descendants(t testing.TB, pid int) []int {
	t.Helper()
	processes, err := procfs.AllProcs()
	if err != nil {
		t.Fatal(err)
	}
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

// Listening returns the addresses that processes listen on by TCP.
func Listening(t testing.TB, pids []int) (ips []net.IP) {
	t.Helper()
	var sockets []string
	for _, pid := range pids {
		if p, err := procfs.NewProc(pid); err == nil { // else it has ended
			files, _ := p.FileDescriptorTargets()
			sockets = append(sockets, files...)
		}
	}
	const listen = "0A"
	for _, table := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(table)
		if err != nil {
			continue // the kernel lacks the protocol
		}
		for line := range strings.Lines(string(text)) {
			fields := strings.Fields(line)
			if len(fields) < 10 || fields[3] != listen || !slices.Contains(sockets, "socket:["+fields[9]+"]") {
				continue
			}
			address, _, _ := strings.Cut(fields[1], ":")
			ip, err := hex.DecodeString(address)
			if err != nil {
				t.Fatal(err)
			}
			for word := 0; word < len(ip); word += 4 { // each group of four bytes is in the processor's order
				slices.Reverse(ip[word : word+4])
			}
			ips = append(ips, ip)
		}
	}
	return ips
}
