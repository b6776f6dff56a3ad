package main

import (
	"os/exec"
	"syscall"
)

// endWithParent has the kernel end the child when the thread that starts it ends, however that may be.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
