//go:build !linux

package collectortest_test

import (
	"os"
	"os/exec"
)

// terminate is the signal that ends a program.
var terminate = os.Interrupt

// endWithParent does nothing: this kernel has no such signal.
func endWithParent(*exec.Cmd) {}
