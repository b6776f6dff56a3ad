package pgbouncer

import "syscall"

// dieWithParent has the process killed when this one ends, however that may be.
func dieWithParent(attr *syscall.SysProcAttr) { attr.Pdeathsig = syscall.SIGKILL }
