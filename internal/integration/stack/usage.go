package stack

import "time"

// Usage is what a process has used.
type Usage struct {
	CPU    time.Duration // of all its threads, since it started
	Memory int64         // bytes, resident now
}

// Usage reads what the program has used so far.
func (p *Process) Usage() (Usage, error) { return UsageOf(p.PID()) }
