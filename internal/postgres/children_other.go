//go:build unix && !linux

package postgres

import (
	"os/exec"
	"strconv"
	"strings"
)

// serverProcesses returns the processes of a server other than the postmaster, which must still run.
func serverProcesses(postmaster int, _ string) []int {
	out, err := exec.Command("ps", "-A", "-o", "pid=", "-o", "ppid=").Output()
	if err != nil {
		return nil
	}
	var pids []int
	for line := range strings.Lines(string(out)) {
		fields := strings.Fields(line)
		if len(fields) != 2 || fields[1] != strconv.Itoa(postmaster) {
			continue
		}
		if pid, err := strconv.Atoi(fields[0]); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids
}
