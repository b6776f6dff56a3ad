//go:build unix && !linux

package stack

import "syscall"

// attributes returns attributes that shield the child from the terminal's signals.
func attributes() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }
