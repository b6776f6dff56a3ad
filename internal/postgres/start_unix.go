//go:build unix

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	dirPrefix = "otelpool-postgres-"

	startTimeout = time.Minute
	portTries    = 10
)

// running is the part of a Server that exists only on systems that can start servers.
type running struct {
	program  program
	guard    *watchdog
	template template

	mu      sync.Mutex // held while the server is started or ended
	process *process   // the running postmaster, or the last one
	stopped bool
}

var errStopped = errors.New("postgres: the server was stopped")

func launch(ctx context.Context, c config) (*Server, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, startTimeout, fmt.Errorf("not ready after %v", startTimeout))
	defer cancel()

	s := &Server{config: c}
	build, err := s.findProgram(ctx)
	if err != nil {
		return nil, err
	}
	if s.config.cacheDir == "" {
		s.config.cacheDir, _ = CacheDir() // prepare works without the folder
	}
	if s.config.tempDir == "" {
		s.config.tempDir = tempDir(s.program.account)
	}
	s.dir = filepath.Join(s.config.tempDir, dirPrefix+strings.ToLower(rand.Text()[:16]))
	paths := []string{s.dir}
	if s.config.cacheDir != "" {
		s.template = newTemplate(s.config.cacheDir, s.program.bin, build)
		paths = append(paths, s.template.staging)
	}
	if s.guard, err = startWatchdog(paths...); err != nil {
		return nil, err
	}
	if err := s.makeDir(); err != nil {
		s.guard.release()
		return nil, err
	}
	if err := s.firstStart(ctx); err != nil {
		return nil, errors.Join(err, s.Stop())
	}
	return s, nil
}

// findProgram finds the server's programs and returns their version line.
func (s *Server) findProgram(ctx context.Context) (build string, err error) {
	if s.program.bin, err = FindBinaries(); err != nil {
		return "", err
	}
	if s.program.account, err = serverAccount(); err != nil {
		return "", err
	}
	return s.program.build(ctx)
}

func (s *Server) makeDir() error {
	err := os.Mkdir(s.dir, 0o700)
	if err == nil {
		err = chown(s.dir, s.program.account)
	}
	if err != nil {
		return fmt.Errorf("postgres: make the server's directory: %w", err)
	}
	return nil
}

// firstStart starts the server on a new data directory. If a directory from the template fails, firstStart creates
// one with initdb. If that one works, the template is damaged, and firstStart removes it.
func (s *Server) firstStart(ctx context.Context) error {
	cached, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	err = s.startSomewhere(ctx)
	if err == nil || !cached || ctx.Err() != nil {
		return err
	}
	if os.RemoveAll(s.data()) != nil || s.initdb(ctx) != nil || s.startSomewhere(ctx) != nil {
		return err
	}
	s.template.drop()
	return nil
}

func (s *Server) data() string { return filepath.Join(s.dir, "data") }

// startSomewhere starts the server on a free port. Another process may take the port before the server does;
// startSomewhere then tries the next.
func (s *Server) startSomewhere(ctx context.Context) error {
	for try := 1; ; try++ {
		port, err := s.config.nextPort()
		if err != nil {
			return err
		}
		s.port = port
		if err = s.startProcess(ctx); !errors.Is(err, errPortTaken) || try == portTries {
			return err
		}
	}
}

// errPortTaken is wrapped by startProcess's error if the port was in use.
var errPortTaken = errors.New("the port is in use")

// startProcess starts the postmaster and waits until it is ready or has ended.
func (s *Server) startProcess(ctx context.Context) error {
	args := append([]string{
		"-D", s.data(), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", s.dir,
	}, s.config.settingArgs()...)
	p, err := s.program.start(s.dir, syscall.SIGQUIT, filepath.Join(s.program.bin, "postgres"), args...)
	if err != nil {
		return fmt.Errorf("postgres: start the server: %w", err)
	}
	s.process = p
	select {
	case <-p.log.ready:
		return nil
	case <-p.exited:
		waitUntil(p.ended, exitTimeout)
		if log := p.log.String(); strings.Contains(log, "could not create any TCP/IP sockets") {
			return fmt.Errorf("postgres: port %d: %w: %s", s.port, errPortTaken, log)
		}
		return fmt.Errorf("postgres: the server ended while starting: %s", p.log)
	case <-ctx.Done():
		return errors.Join(fmt.Errorf("postgres: start the server: %w", context.Cause(ctx)), s.kill())
	}
}

var versionNumber = regexp.MustCompile(`\d[0-9a-z.]*`)

// number returns the version in the version line of a program, such as "postgres (PostgreSQL) 15.18 (Debian
// 15.18-0+deb12u1)".
func number(build string) string { return versionNumber.FindString(build) }
