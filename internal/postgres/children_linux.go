package postgres

import (
	"os"
	"path/filepath"
	"strconv"
)

// serverProcesses returns the processes of a server other than the postmaster. All have its data directory as their
// working directory.
func serverProcesses(postmaster int, data string) []int {
	real, err := filepath.EvalSymlinks(data)
	if err != nil {
		real = data
	}
	var pids []int
	links, _ := filepath.Glob("/proc/[0-9]*/cwd")
	for _, link := range links {
		pid, err := strconv.Atoi(filepath.Base(filepath.Dir(link)))
		if err != nil || pid == postmaster {
			continue
		}
		if dir, err := os.Readlink(link); err == nil && dir == real {
			pids = append(pids, pid)
		}
	}
	return pids
}
