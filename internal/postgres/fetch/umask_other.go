//go:build !unix

package main

// openUmask does nothing: there is no such thing here.
func openUmask() {}
