//go:build unix && !aix && !solaris

package postgres

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// templateLayout increases when the templates of an older launcher, made by the same initdb, become unusable.
const templateLayout = 1

// template is the cached data directory of one build of PostgreSQL: dir/data, and dir/password with its superuser's
// password. It is created by a rename, so it is always complete.
type template struct {
	dir     string
	staging string // where this process creates it; the watchdog removes it if the process cannot
}

// newTemplate returns the template for one build, identified by the version line of the programs. The template may
// not exist.
func newTemplate(cache, bin, build string) template {
	all := append([]string{runtime.GOOS, runtime.GOARCH, bin, build}, initdbArgs...)
	sum := sha256.Sum256([]byte(strings.Join(all, "\n")))
	dir := filepath.Join(cache, fmt.Sprintf("template-%d-%s-%x", templateLayout, number(build), sum[:6]))
	return template{dir: dir, staging: dir + ".new-" + rand.Text()}
}

func (t template) data() string         { return filepath.Join(t.dir, "data") }
func (t template) passwordFile() string { return filepath.Join(t.dir, "password") }

func (t template) exists() bool {
	_, err := os.Lstat(t.dir)
	return err == nil
}

// copyTo copies the data directory to dir, which must not exist, and returns the password.
func (t template) copyTo(dir string, a *account) (string, error) {
	password, err := os.ReadFile(t.passwordFile())
	if err != nil {
		return "", err
	}
	if err := copyTree(t.data(), dir, a); err != nil {
		return "", err
	}
	return string(password), nil
}

// keep makes the template from a data directory that no server has run on.
func (t template) keep(data, password string) error {
	if err := os.Mkdir(t.staging, 0o700); err != nil {
		return err
	}
	defer os.RemoveAll(t.staging)
	if err := copyTree(data, filepath.Join(t.staging, "data"), nil); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(t.staging, "password"), []byte(password), 0o600); err != nil {
		return err
	}
	return os.Rename(t.staging, t.dir)
}

// drop removes the template. A process that is copying it gets an error and runs initdb instead.
func (t template) drop() {
	if os.Rename(t.dir, t.staging) == nil {
		_ = os.RemoveAll(t.staging)
	}
}

// lock waits until no other process creates the template. The lock ends with the process that holds it. A second
// unlock does nothing.
func (t template) lock(ctx context.Context) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(t.dir), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(t.dir+".lock", os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		if err == nil {
			return func() { _ = f.Close() }, nil
		}
		if err != syscall.EWOULDBLOCK && err != syscall.EINTR {
			_ = f.Close()
			return nil, err
		}
		select {
		case <-ctx.Done():
			_ = f.Close()
			return nil, context.Cause(ctx)
		case <-tick.C:
		}
	}
}
