package stack

import "time"

// Usage is the use of resources by a process.
type Usage struct {
	CPU    time.Duration // of all its threads, since it started
	Memory int64         // resident bytes now
}

// Usage returns the program's use of resources so far.
func (p *Process) Usage() (Usage, error) { return UsageOf(p.PID()) }
