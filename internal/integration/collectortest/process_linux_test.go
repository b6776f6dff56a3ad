package collectortest_test

import (
	"os/exec"
	"syscall"
)

// terminate asks a program to end.
const terminate = syscall.SIGTERM

// endWithParent has the kernel end the program when this one is gone, and keeps the terminal's signals from it.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
}
