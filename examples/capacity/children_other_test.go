//go:build !linux

package main

import "os/exec"

// endWithParent does nothing, because only Linux supports it. The test ends the child.
func endWithParent(*exec.Cmd) {}
