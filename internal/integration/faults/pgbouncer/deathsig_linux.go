package pgbouncer

import "syscall"

// dieWithParent makes the kernel kill the process when this one ends, for whatever reason.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
