package postgres

import "syscall"

// setDeathSignal has the kernel send sig to the child when the thread that started it ends.
func setDeathSignal(attr *syscall.SysProcAttr, sig syscall.Signal) { attr.Pdeathsig = sig }
