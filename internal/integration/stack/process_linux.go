package stack

import "syscall"

// attributes returns attributes that shield the child from the terminal's signals, and make the kernel end it when
// its parent dies.
func attributes() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGTERM}
}
