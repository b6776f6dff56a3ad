//go:build unix

package main

import "syscall"

// openUmask makes all fetched files readable for everyone, because root's server runs as another user.
func openUmask() { syscall.Umask(0o022) }
