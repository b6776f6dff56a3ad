//go:build unix && !aix && !solaris && !linux

package postgres

import "syscall"

// setDeathSignal does nothing here. Only the watchdog ends the server when its parent dies.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}
