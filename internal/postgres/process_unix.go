//go:build unix

package postgres

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/otelpool/otelpool-go/internal/proc"
)

// process is a run of one of the server's programs.
type process struct {
	*os.Process
	log    *log
	exited chan struct{} // closed when the program itself has ended
	err    error         // how it ended; read it only after exited is closed
	ended  chan struct{} // closed when the last of its children has ended too, and standard error is closed
}

// program starts the server's programs.
type program struct {
	bin     string
	account *syscall.Credential // nil for the caller's
}

// start starts a program whose death signal is sig. When ended is closed, the log has all that the program and its
// children wrote to standard error.
func (p program) start(dir string, sig syscall.Signal, path string, args ...string) (*process, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(path, args...)
	cmd.Dir = dir
	cmd.Env = environment()
	cmd.Stderr = write
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account, Setpgid: true}

	pr := &process{log: newLog(), exited: make(chan struct{}), ended: make(chan struct{})}
	err = proc.Start(cmd, sig, func(err error) { pr.err = err; close(pr.exited) })
	_ = write.Close()
	if err != nil {
		_ = read.Close()
		return nil, err
	}
	pr.Process = cmd.Process
	go func() {
		defer close(pr.ended)
		defer read.Close()
		_, _ = io.Copy(pr.log, read) // to the end: a server whose log is not read would block
	}()
	return pr, nil
}

// run runs a program to its end. If the program fails, the error contains the end of its output. Cancelling ctx kills
// the program and its children.
func (p program) run(ctx context.Context, dir, path string, args ...string) error {
	pr, err := p.start(dir, syscall.SIGKILL, path, args...)
	if err != nil {
		return err
	}
	select {
	case <-pr.exited:
	case <-ctx.Done():
		_ = syscall.Kill(-pr.Pid, syscall.SIGKILL)
		<-pr.exited
		waitUntil(pr.ended, exitTimeout)
		return context.Cause(ctx)
	}
	waitUntil(pr.ended, exitTimeout)
	if pr.err != nil {
		return fmt.Errorf("%s: %w: %s", filepath.Base(path), pr.err, pr.log)
	}
	return nil
}

// waitUntil waits for a channel to close, for at most d. It reports whether the channel was closed.
func waitUntil(c <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-c:
		return true
	case <-timer.C:
		return false
	}
}
