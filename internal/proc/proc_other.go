//go:build !linux

package proc

import "syscall"

// endWithParent does nothing: only Linux has such a signal.
func endWithParent(*syscall.SysProcAttr, syscall.Signal) {}
