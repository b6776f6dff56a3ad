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

// BinEnv names the environment variable that gives the path of the program pgbouncer.
const BinEnv = "OTELPOOL_PGBOUNCER"

// ErrNotFound is what errors of [Find] and [Fetch] wrap when there is no PgBouncer and none could be brought.
var ErrNotFound = errors.New("no PgBouncer found")

// Program is a PgBouncer that can be run.
type Program struct {
	Path      string
	Version   string // such as 1.18.0
	libraries string // the folders of libraries that it needs beside the system's, as LD_LIBRARY_PATH has them
}

// Find gives the PgBouncer of this machine, and fetches one where there is none.
func Find(ctx context.Context) (Program, error) {
	if path := os.Getenv(BinEnv); path != "" {
		p, err := tried(ctx, Program{Path: path})
		if err != nil {
			return Program{}, fmt.Errorf("pgbouncer: %s: %w", BinEnv, err)
		}
		return p, nil
	}
	for _, path := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"} {
		if found, err := exec.LookPath(path); err == nil {
			if p, err := tried(ctx, Program{Path: found}); err == nil {
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

// fetchedDir is where Fetch puts what it fetched. It is in the cache folder of package postgres, which an unprivileged
// user can reach also when root made it.
func fetchedDir() (string, error) {
	cache, err := postgres.CacheDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(cache, "pgbouncer"), nil
}

// unpacked gives the program of packages that were unpacked into a folder.
func unpacked(ctx context.Context, dir string) (Program, error) {
	libraries, _ := filepath.Glob(filepath.Join(dir, "usr", "lib", "*-linux-*")) // fails only for a malformed pattern
	return tried(ctx, Program{Path: filepath.Join(dir, "usr", "sbin", "pgbouncer"), libraries: strings.Join(libraries, ":")})
}

// tried gives a program if it runs, with its version.
func tried(ctx context.Context, p Program) (Program, error) {
	cmd := exec.CommandContext(ctx, p.Path, "--version")
	cmd.Env = p.environment()
	out, err := cmd.CombinedOutput()
	if err != nil {
		return Program{}, fmt.Errorf("run %s: %w: %s", p.Path, err, out)
	}
	first, _, _ := strings.Cut(string(out), "\n")
	version, ok := strings.CutPrefix(first, "PgBouncer ")
	if !ok {
		return Program{}, fmt.Errorf("%s is no PgBouncer: it says %q", p.Path, first)
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
  or say where it is:
    %s=/path/to/pgbouncer`, ErrNotFound, cause, BinEnv)
}
