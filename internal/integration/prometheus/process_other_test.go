//go:build !linux

package prometheus_test

import "syscall"

// diesWithParent returns nil, because this kernel has no such signal.
func diesWithParent() *syscall.SysProcAttr { return nil }
