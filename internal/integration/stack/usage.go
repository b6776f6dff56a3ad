package stack

import "time"

// Usage is the use of resources by a process.
type Usage struct {
	CPU    time.Duration // of all its threads, since it started
	Memory int64         // resident bytes now
}
