package prometheus_test

import "syscall"

// diesWithParent makes the kernel end a child when the thread that started it ends, for whatever reason.
func diesWithParent() *syscall.SysProcAttr { return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL} }
