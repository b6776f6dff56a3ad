//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

const (
	// patience is how long a server may take to obey a signal before it gets a harsher one.
	patience = 10 * time.Second
	// lastWait is how long the processes of a server may outlive it.
	lastWait = 10 * time.Second
)

// Stop disconnects all clients, ends the server and removes its directory. A second Stop does nothing. An error says
// that something is left behind.
func (s *Server) Stop() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return nil
	}
	s.stopped = true
	err := s.end(syscall.SIGINT)
	s.guard.release()
	if _, statErr := os.Lstat(s.dir); statErr == nil {
		if rmErr := os.RemoveAll(s.dir); rmErr != nil {
			err = errors.Join(err, fmt.Errorf("postgres: remove the server's directory: %w", rmErr))
		}
	}
	return err
}

// Crash kills all of the server's processes at once, as a machine that loses power does. The data directory is left as
// it is: Restart has the server recover from it. What was committed in the last moments may be lost, unless
// synchronous_commit was set to on.
func (s *Server) Crash() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	return s.kill()
}

// Restart ends the server, should it run, as Stop does, and starts it again on the same port and data.
func (s *Server) Restart(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready after %v", startTimeout))
	defer cancel()
	if err := s.end(syscall.SIGINT); err != nil {
		return err
	}
	// After a crash the lock file is still there, and its process id could be another program's by now.
	if err := os.Remove(filepath.Join(s.data(), "postmaster.pid")); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("postgres: remove the lock file of a crash: %w", err)
	}
	return s.startProcess(ctx)
}

// end ends the server by a signal, by harsher ones if it takes too long, and waits for all of its processes.
func (s *Server) end(sig syscall.Signal) error {
	p := s.process
	if p == nil {
		return nil
	}
	for _, sig := range []syscall.Signal{sig, syscall.SIGQUIT} {
		_ = p.Signal(sig) // fails when it has ended
		if waitUntil(p.exited, patience) {
			if waitUntil(p.ended, time.Second) {
				return nil
			}
			break
		}
	}
	return s.kill()
}

// kill ends all of the server's processes that there are.
func (s *Server) kill() error {
	p := s.process
	children := serverProcesses(p.Pid, s.data())
	_ = p.Kill() // fails when it has ended
	<-p.exited
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if !waitUntil(p.ended, lastWait) {
		return fmt.Errorf("postgres: processes of the server are still there %v after it was killed", lastWait)
	}
	return nil
}
