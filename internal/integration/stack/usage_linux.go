package stack

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is what Linux counts processor time in, on every architecture that Go has.
const ticksPerSecond = 100

// UsageOf reads what a process has used so far.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("stack: %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("stack: %w", err)
	}
	// The name, in parentheses, may have blanks. After it come the state and, 11 fields later, user and system time.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) < 13 {
		return Usage{}, fmt.Errorf("stack: /proc/%d/stat has %q", pid, stat)
	}
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			return Usage{}, fmt.Errorf("stack: /proc/%d/stat: %w", pid, err)
		}
		ticks += n
	}
	return Usage{CPU: time.Duration(ticks) * time.Second / ticksPerSecond, Memory: kilobytes(status, "VmRSS:") << 10}, nil
}

// kilobytes reads a line of /proc/PID/status. A process that has ended has none.
func kilobytes(status []byte, key string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(key)); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
			return n
		}
	}
	return 0
}
