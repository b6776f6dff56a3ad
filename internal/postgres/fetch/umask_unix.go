//go:build unix

package main

import "syscall"

// openUmask has everything that is fetched be readable for all: root's server runs as another user.
func openUmask() { syscall.Umask(0o022) }
