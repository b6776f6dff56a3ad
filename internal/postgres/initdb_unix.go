//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// initdbArgs are the same for all servers, so that they can have a template.
var initdbArgs = []string{
	"-U", superuser, "--auth-local=trust", "--auth-host=scram-sha-256",
	"-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1",
}

// build asks the server program for its version, and finds out whether the account can run it.
func (p program) build(ctx context.Context) (string, error) {
	path := filepath.Join(p.bin, "postgres")
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account.credential()}
	cmd.WaitDelay = time.Second
	out, err := cmd.Output()
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("postgres: find the version: %w", context.Cause(ctx))
	case errors.Is(err, fs.ErrPermission) && p.account != nil:
		return "", fmt.Errorf("postgres: PostgreSQL does not run as root, and user nobody, as whom it would be run, "+
			"cannot reach %s: %w", path, err)
	case errors.As(err, &exit):
		return "", fmt.Errorf("postgres: %s --version: %w: %.500s", path, err, exit.Stderr)
	case err != nil:
		return "", fmt.Errorf("postgres: run postgres --version: %w", err)
	}
	build := strings.TrimSpace(string(out))
	if !strings.Contains(build, "PostgreSQL") || number(build) == "" {
		return "", fmt.Errorf("postgres: %s is not PostgreSQL's: --version says %.100q", path, build)
	}
	return build, nil
}

// prepare makes the data directory: from the template if there is one, else by initdb, which makes the template, too.
// Trouble with the cache, such as a folder that cannot be written, costs time but is no failure.
func (s *Server) prepare(ctx context.Context) (cached bool, err error) {
	if s.config.cacheDir == "" {
		return false, s.initdb(ctx)
	}
	if s.fromTemplate() {
		return true, nil
	}
	unlock, err := s.template.lock(ctx)
	switch {
	case ctx.Err() != nil:
		return false, fmt.Errorf("postgres: wait for the template: %w", context.Cause(ctx))
	case err != nil:
		return false, s.initdb(ctx)
	}
	defer unlock()
	if s.template.exists() { // another process has made it meanwhile
		unlock()
		if s.fromTemplate() {
			return true, nil
		}
		return false, s.initdb(ctx)
	}
	if err := s.initdb(ctx); err != nil {
		return false, err
	}
	_ = s.template.keep(s.data(), s.password)
	return false, nil
}

func (s *Server) fromTemplate() bool {
	password, err := s.template.copyTo(s.data(), s.program.account)
	if err != nil {
		_ = os.RemoveAll(s.data())
		return false
	}
	s.password = password
	return true
}

// initdb makes the data directory anew. The superuser has a random password: loopback TCP is open to all users of the
// machine, and a superuser may run programs. The socket's folder is closed to them.
func (s *Server) initdb(ctx context.Context) error {
	s.password = rand.Text()
	passwordFile := filepath.Join(s.dir, "password")
	err := os.WriteFile(passwordFile, []byte(s.password), 0o600)
	if err == nil {
		err = s.program.account.own(passwordFile)
	}
	if err == nil {
		err = s.program.run(ctx, s.dir, s.guard, filepath.Join(s.program.bin, "initdb"),
			append([]string{"-D", s.data(), "--pwfile", passwordFile}, initdbArgs...)...)
		err = errors.Join(err, os.Remove(passwordFile))
	}
	if err != nil {
		return fmt.Errorf("postgres: make the data directory: %w", err)
	}
	return nil
}
