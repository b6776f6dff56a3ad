//go:build unix && !aix && !solaris

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

// account is the user that the server runs as when the caller is root, whom PostgreSQL refuses. Nil is the caller.
type account struct {
	uid, gid uint32
}

func serverAccount() (*account, error) {
	if os.Geteuid() != 0 {
		return nil, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return nil, fmt.Errorf("postgres: PostgreSQL does not run as root, and there is no user nobody to run it as: %w", err)
	}
	// macOS says -2.
	uid, uidErr := strconv.ParseInt(nobody.Uid, 10, 64)
	gid, gidErr := strconv.ParseInt(nobody.Gid, 10, 64)
	if uidErr != nil || gidErr != nil {
		return nil, fmt.Errorf("postgres: user nobody has the ids %q and %q, not numbers", nobody.Uid, nobody.Gid)
	}
	return &account{uid: uint32(uid), gid: uint32(gid)}, nil
}

func (a *account) credential() *syscall.Credential {
	if a == nil {
		return nil
	}
	return &syscall.Credential{Uid: a.uid, Gid: a.gid}
}

func (a *account) own(path string) error {
	if a == nil {
		return nil
	}
	return os.Lchown(path, int(a.uid), int(a.gid))
}

// tempDir is where the server's directory goes: the system's folder for temporary files, or /tmp where a unix socket's
// path would be too long for the kernel (104 bytes on macOS) or the server's user could not get in.
func (a *account) tempDir() string {
	dir := os.TempDir()
	if abs, err := filepath.Abs(dir); err == nil {
		dir = abs
	}
	const longest = 103
	if len(dir)+len("/"+dirPrefix+"0123456789abcdef/.s.PGSQL.65535.lock") > longest || !a.canReach(dir) {
		return "/tmp"
	}
	return dir
}

// canReach reports whether the account may pass through all folders on the way to dir, as far as permission bits say.
func (a *account) canReach(dir string) bool {
	if a == nil {
		return true
	}
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

// environment is what the server's programs get of the caller's variables: what it takes to run, and nothing that would
// change what they do or that is no business of a server's. Their messages are in English.
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
