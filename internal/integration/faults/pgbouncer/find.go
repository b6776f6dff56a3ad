package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

// BinEnv is the environment variable with the path of the program pgbouncer.
const BinEnv = "OTELPOOL_PGBOUNCER"

// ErrNotFound is wrapped by the errors of [Find] and [Fetch] if no PgBouncer was found or fetched.
var ErrNotFound = errors.New("no PgBouncer found")

// Program is an executable PgBouncer.
type Program struct {
	Path      string
	Version   string // such as 1.18.0
	libraries string // folders of additional libraries, as in LD_LIBRARY_PATH
}

// Find returns the PgBouncer of this machine, or fetches one.
func Find(ctx context.Context) (Program, error) {
	if path := os.Getenv(BinEnv); path != "" {
		p, err := checked(ctx, Program{Path: path})
		if err != nil {
			return Program{}, fmt.Errorf("pgbouncer: %s: %w", BinEnv, err)
		}
		return p, nil
	}
	for _, path := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"} {
		if found, err := exec.LookPath(path); err == nil {
			if p, err := checked(ctx, Program{Path: found}); err == nil {
				return p, nil
			}
		}
	}
	dir, err := fetchedDir()
	if err != nil {
		return Program{}, err
	}
	if p, err := unpacked(ctx, dir); err == nil {
		return p, nil
	}
	return Fetch(ctx)
}

// fetchedDir returns the folder of fetched programs. It is in the cache folder of package postgres, which an
// unprivileged user can also reach if root created it.
func fetchedDir() (string, error) {
	cache, err := postgres.CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "pgbouncer"), nil
}

// unpacked returns the program of packages that were unpacked into a folder.
func unpacked(ctx context.Context, dir string) (Program, error) {
	libraries, _ := filepath.Glob(filepath.Join(dir, "usr", "lib", "*-linux-*")) // fails only for a malformed pattern
	return checked(ctx, Program{Path: filepath.Join(dir, "usr", "sbin", "pgbouncer"), libraries: strings.Join(libraries, ":")})
}

// checked runs the program and returns it with its version.
func checked(ctx context.Context, p Program) (Program, error) {
	cmd := exec.CommandContext(ctx, p.Path, "--version")
	cmd.Env = p.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Program{}, fmt.Errorf("run %s: %w: %s", p.Path, err, out)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	version, ok := strings.CutPrefix(first, "PgBouncer ")
	if !ok {
		return Program{}, fmt.Errorf("%s has version %q (must be PgBouncer)", p.Path, first)
	}
	p.Version = version
	return p, nil
}

func (p Program) environment() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
	if p.libraries != "" {
		env = append(env, "LD_LIBRARY_PATH="+p.libraries)
	}
	return env
}

func errMissing(cause error) error {
	return fmt.Errorf(`pgbouncer: %w, and none could be fetched: %w. Do one of these:
  install it:
    Debian, Ubuntu:  sudo apt-get install pgbouncer
    Fedora:          sudo dnf install pgbouncer
    Alpine:          apk add pgbouncer
    macOS:           brew install pgbouncer
  or set its path:
    %s=/path/to/pgbouncer`, ErrNotFound, cause, BinEnv)
}
