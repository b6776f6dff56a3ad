//go:build unix && !aix && !solaris && !linux

package postgres

import "syscall"

// setDeathSignal does nothing here: only the watchdog ends the server when its parent dies.
func setDeathSignal(*syscall.SysProcAttr, syscall.Signal) {}
