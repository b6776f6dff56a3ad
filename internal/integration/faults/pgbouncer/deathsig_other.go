//go:build !linux

package pgbouncer

import "syscall"

// dieWithParent does nothing where there is no such signal.
func dieWithParent(*syscall.SysProcAttr) {}
