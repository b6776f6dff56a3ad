//go:build unix

package postgres

import (
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
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

// copyTo copies the data directory to dir, which must not exist, and returns the password.
func (t template) copyTo(dir string, account *syscall.Credential) (string, error) {
	password, err := os.ReadFile(t.passwordFile())
	if err != nil {
		return "", err
	}
	if err := copyTree(t.data(), dir, account); err != nil {
		return "", err
	}
	return string(password), nil
}

// keep creates the template from an unused data directory. It fails if another process has created it in the meantime.
func (t template) keep(data, password string) error {
	if err := errors.Join(os.MkdirAll(filepath.Dir(t.dir), 0o755), os.Mkdir(t.staging, 0o700)); err != nil {
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

// copyTree copies a folder to dst, which must not exist. The account owns the copy.
func copyTree(src, dst string, account *syscall.Credential) error {
	// The server refuses to run if others may enter the data directory.
	if err := errors.Join(os.CopyFS(dst, os.DirFS(src)), os.Chmod(dst, 0o700)); err != nil || account == nil {
		return err
	}
	return filepath.WalkDir(dst, func(path string, _ fs.DirEntry, err error) error {
		return errors.Join(err, chown(path, account))
	})
}
