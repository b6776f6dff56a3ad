package collectortest_test

import (
	"os/exec"
	"syscall"
)

// terminate is the signal that asks a program to end.
const terminate = syscall.SIGTERM

// endWithParent makes the kernel end the program when this one ends, and shields it from the terminal's signals.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
