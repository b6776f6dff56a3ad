package proc

import "syscall"

// endWithParent makes the kernel send a signal to the child when the thread that started it ends.
func endWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
