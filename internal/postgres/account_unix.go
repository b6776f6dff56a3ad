//go:build unix

package postgres

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// serverAccount returns the user that the server runs as, or nil for the caller's own. PostgreSQL refuses to run as root,
// so root uses another account.
func serverAccount() (*syscall.Credential, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("postgres: PostgreSQL does not run as root, and there is no user nobody: %w", err)
	}
	// On macOS the id is -2.
	uid, uidErr := strconv.ParseInt(nobody.Uid, 10, 64)
	gid, gidErr := strconv.ParseInt(nobody.Gid, 10, 64)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("postgres: user nobody has uid %q and gid %q (must be numbers)", nobody.Uid, nobody.Gid)
	}
	return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}, nil
}

// chown makes the account, unless it is nil, the owner of a file.
func chown(path string, account *syscall.Credential) error {
	if account == nil {
		return nil
	}
	return os.Lchown(path, int(account.Uid), int(account.Gid))
}

// tempDir returns the parent of the server's directory. This is the system's folder for temporary files, or /tmp in
// two cases: a unix socket's path would exceed the kernel's limit (104 bytes on macOS), or the server's user cannot
// reach the folder.
func tempDir(account *syscall.Credential) string {
	dir := os.TempDir()
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	const longest = 103
	if len(dir)+len("/"+dirPrefix+"0123456789abcdef/.s.PGSQL.65535.lock") > longest || account != nil && !othersReach(dir) {
		return "/tmp"
	}
	return dir
}

// othersReach reports whether the permission bits let everyone pass through all folders on the way to dir.
func othersReach(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		return false
	}
	for real != string(filepath.Separator) {
		info, err := os.Stat(real)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		real = filepath.Dir(real)
	}
	return true
}

// environment returns the caller's variables that the server's programs need to run, and sets the language of their
// messages to English.
func environment() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name == "PATH" || name == "TZ" || strings.HasPrefix(name, "LD_") || strings.HasPrefix(name, "DYLD_") {
			env = append(env, v)
		}
	}
	return append(env, "LC_ALL=C")
}
