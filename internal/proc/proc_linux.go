// Package proc ends child processes with their parent.
package proc

import "syscall"

// EndWithParent makes the kernel send a signal to the child when the thread that started it ends, for whatever reason. On systems
// without such a signal it does nothing.
func EndWithParent(attr *syscall.SysProcAttr, signal syscall.Signal) { attr.Pdeathsig = signal }
