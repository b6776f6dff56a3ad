//go:build unix && !linux

package stack

import "errors"

// UsageOf reads what a process has used so far. Only Linux says.
func UsageOf(int) (Usage, error) {
	return Usage{}, errors.New("stack: what a process uses can be read on Linux only")
}
