// Package proc starts child processes that end with their parent.
package proc

import (
	"os/exec"
	"runtime"
	"syscall"
)

// Start starts a command that does not outlive this process: on Linux the kernel sends it the signal when this process ends,
// for whatever reason. When the command has ended, Start calls ended with the result of its Wait.
func Start(cmd *exec.Cmd, signal syscall.Signal, ended func(error)) error {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	endWithParent(cmd.SysProcAttr, signal)
	started := make(chan error)
	go func() {
		// The kernel sends the signal when the thread that started the child ends, not the process, so keep the thread.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		started <- err
		if err == nil {
			ended(cmd.Wait())
		}
	}()
	return <-started
}
