//go:build unix

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

// initdbArgs are the same for all servers, so that one template serves all.
var initdbArgs = []string{
	"-U", superuser, "--auth-local=trust", "--auth-host=md5",
	"-E", "UTF8", "--locale=C", "--no-sync", "--wal-segsize=1",
}

// build returns the version line of the server program. It fails if the account cannot run the program.
func (p program) build(ctx context.Context) (string, error) {
	path := filepath.Join(p.bin, "postgres")
	cmd := exec.CommandContext(ctx, path, "--version")
	cmd.Dir = "/"
	cmd.Env = environment()
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: p.account}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	switch {
	case ctx.Err() != nil:
		return "", fmt.Errorf("postgres: find the version: %w", context.Cause(ctx))
	case errors.Is(err, fs.ErrPermission) && p.account != nil:
		return "", fmt.Errorf("postgres: PostgreSQL does not run as root, and user nobody "+
			"cannot reach %s: %w", path, err)
	case err != nil:
		return "", fmt.Errorf("postgres: %s --version: %w: %.500s", path, err, out)
	}
	build := strings.TrimSpace(string(out))
	if !strings.Contains(build, "PostgreSQL") || number(build) == "" {
		return "", fmt.Errorf("postgres: %s has version %.100q (must name PostgreSQL and a number)", path, build)
	}
	return build, nil
}

// prepare creates the data directory from the template, or by initdb, which also creates the template. It reports
// whether it used the template. An unusable cache, such as a read-only folder, costs time but is not an error.
func (s *Server) prepare(ctx context.Context) (cached bool, err error) {
	cache := s.config.cacheDir != ""
	if cache && s.fromTemplate() {
		return true, nil
	}
	if err := s.initdb(ctx); err != nil {
		return false, err
	}
	if cache {
		_ = s.template.keep(s.data(), s.password)
	}
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

// initdb creates the data directory. The superuser has a random password, because every user of the machine can
// connect to loopback TCP, and a superuser can run programs. Other users cannot enter the socket's folder.
func (s *Server) initdb(ctx context.Context) error {
	s.password = rand.Text()
	passwordFile := filepath.Join(s.dir, "password")
	err := os.WriteFile(passwordFile, []byte(s.password), 0o600)
	if err == nil {
		err = chown(passwordFile, s.program.account)
	}
	if err == nil {
		err = s.program.run(ctx, s.dir, filepath.Join(s.program.bin, "initdb"),
			append([]string{"-D", s.data(), "--pwfile", passwordFile}, initdbArgs...)...)
		err = errors.Join(err, os.Remove(passwordFile))
	}
	if err != nil {
		return fmt.Errorf("postgres: make the data directory: %w", err)
	}
	return nil
}
