//go:build !linux

package collectortest_test

import (
	"os"
	"os/exec"
)

// terminate ends a program.
var terminate = os.Interrupt

// endWithParent does nothing where no kernel helps.
func endWithParent(*exec.Cmd) {}
