package stack

import (
	"fmt"
	"time"

	"github.com/prometheus/procfs"
)

// Usage is the use of resources by a process.
type Usage struct {
	CPU    time.Duration // of all its threads, since it started
	Memory int64         // resident bytes now
}

// UsageOf returns a process's use of resources so far. Only Linux has the numbers.
func UsageOf(pid int) (Usage, error) {
	process, err := procfs.NewProc(pid)
	if err != nil {
		return Usage{}, fmt.Errorf("stack: %w", err)
	}
	stat, err := process.Stat()
	if err != nil {
		return Usage{}, fmt.Errorf("stack: %w", err)
	}
	return Usage{CPU: time.Duration(stat.CPUTime() * float64(time.Second)), Memory: int64(stat.ResidentMemory())}, nil
}
