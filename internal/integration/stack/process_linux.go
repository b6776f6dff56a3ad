package stack

import "syscall"

// attributes keep the terminal's signals from the child, and have the kernel end it when its parent dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
