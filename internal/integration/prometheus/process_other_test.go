//go:build !linux

package prometheus_test

import "syscall"

// diesWithParent is nothing where the kernel does not offer it.
func diesWithParent() *syscall.SysProcAttr { return nil }
