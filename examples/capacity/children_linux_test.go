package main

import (
	"os/exec"
	"syscall"
)

// endWithParent makes the kernel end the child when the thread that started it ends for any reason.
func endWithParent(cmd *exec.Cmd) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
