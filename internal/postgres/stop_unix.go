//go:build unix

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
	// signalTimeout is the time a server has to obey a signal before it gets a harsher one.
	signalTimeout = 10 * time.Second
	// exitTimeout is the time the processes of a server may outlive it.
	exitTimeout = 10 * time.Second
)

// Stop disconnects all clients, ends the server and removes its directory. A second Stop does nothing. Stop returns
// an error if something is left behind.
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

// Crash kills all of the server's processes, like a machine that loses power. It leaves the data directory as it is,
// and Restart makes the server recover from it. The last commits may be lost, unless synchronous_commit is on.
func (s *Server) Crash() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopped {
		return errStopped
	}
	return s.kill()
}

// Restart ends the server as Stop does, if it runs, and starts it on the same port and data.
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
	if err := s.removeLocks(); err != nil {
		return err
	}
	return s.startProcess(ctx)
}

// removeLocks removes the lock files of the data directory and of the socket. After a crash they still exist, and their
// process ID may belong to another program. A server that was killed while starting leaves them empty. PostgreSQL does
// not start with either.
func (s *Server) removeLocks() error {
	sockets, err := filepath.Glob(filepath.Join(s.dir, ".s.PGSQL.*.lock"))
	if err != nil {
		return fmt.Errorf("postgres: find the lock files of a crash: %w", err)
	}
	for _, path := range append(sockets, filepath.Join(s.data(), "postmaster.pid")) {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			return fmt.Errorf("postgres: remove the lock file of a crash: %w", err)
		}
	}
	return nil
}

// end sends the server a signal, harsher ones after timeouts, and waits for all of its processes.
func (s *Server) end(sig syscall.Signal) error {
	p := s.process
	if p == nil {
		return nil
	}
	for _, sig := range []syscall.Signal{sig, syscall.SIGQUIT} {
		_ = p.Signal(sig) // fails if it has ended
		if waitUntil(p.exited, signalTimeout) {
			if waitUntil(p.ended, time.Second) {
				return nil
			}
			break
		}
	}
	return s.kill()
}

// kill kills all of the server's processes.
func (s *Server) kill() error {
	p := s.process
	children := serverProcesses(p.Pid, s.data())
	_ = p.Kill() // fails if it has ended
	<-p.exited
	for _, pid := range children {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
	if !waitUntil(p.ended, exitTimeout) {
		return fmt.Errorf("postgres: processes of the server still run %v after it was killed", exitTimeout)
	}
	return nil
}
