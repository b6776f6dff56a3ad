//go:build !unix

package main

// openUmask does nothing: this system has no umask.
func openUmask() {}
