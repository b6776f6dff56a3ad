package stack

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"
)

// ticksPerSecond is Linux' unit of processor time on every architecture of Go.
const ticksPerSecond = 100

// UsageOf returns a process's use of resources so far.
func UsageOf(pid int) (Usage, error) {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("stack: %w", err)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return Usage{}, fmt.Errorf("stack: %w", err)
	}
	// The name, in parentheses, may contain blanks. The state follows it and, 11 fields later, user and system time.
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

// kilobytes returns a value of /proc/PID/status, or 0 for a process that has ended.
func kilobytes(status []byte, key string) int64 {
	for line := range bytes.Lines(status) {
		if rest, ok := bytes.CutPrefix(line, []byte(key)); ok {
			n, _ := strconv.ParseInt(strings.TrimSuffix(strings.TrimSpace(string(rest)), " kB"), 10, 64)
			return n
		}
	}
	return 0
}
