package pgbouncer

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

type program struct {
	path string
	env  []string // variables that it needs
}

// find returns the PgBouncer of this machine, or fetches one.
func find(ctx context.Context) (program, error) {
	for _, path := range []string{"pgbouncer", "/usr/sbin/pgbouncer", "/usr/local/sbin/pgbouncer", "/opt/homebrew/bin/pgbouncer"} {
		if found, err := exec.LookPath(path); err == nil {
			return program{path: found}, nil
		}
	}
	cache, err := postgres.CacheDir()
	if err != nil {
		return program{}, err
	}
	dir := filepath.Join(cache, "pgbouncer")
	if p := unpacked(dir); p.check(ctx) == nil {
		return p, nil
	}
	if err := fetch(ctx, dir); err != nil {
		return program{}, fmt.Errorf("pgbouncer: none is installed (apt-get install pgbouncer, brew install pgbouncer), and none could be fetched: %w", err)
	}
	p := unpacked(dir)
	return p, p.check(ctx)
}

func unpacked(dir string) program {
	libraries, _ := filepath.Glob(filepath.Join(dir, "usr", "lib", "*-linux-*")) // fails only for a malformed pattern
	return program{
		path: filepath.Join(dir, "usr", "sbin", "pgbouncer"),
		env:  []string{"LD_LIBRARY_PATH=" + strings.Join(libraries, ":")},
	}
}

func (p program) check(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, p.path, "--version")
	cmd.Env = append(os.Environ(), p.env...)
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("pgbouncer: run %s: %w: %s", p.path, err, out)
	}
	return nil
}
