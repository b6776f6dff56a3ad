//go:build unix && !linux

package stack

import "errors"

// UsageOf returns an error, because only Linux has the numbers.
func UsageOf(int) (Usage, error) {
	return Usage{}, errors.New("stack: the usage of a process is available only on Linux")
}
