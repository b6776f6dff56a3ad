package pgbouncer

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

// fetchTimeout allows for a slow connection: the packages are about 5 MB, the lists of packages about 30 MB.
const fetchTimeout = 5 * time.Minute

// Fetch downloads the distribution's package pgbouncer, and missing libraries that it needs, into the cache folder.
// It works on Debian and derived distributions. The error says what else to do.
func Fetch(ctx context.Context) (Program, error) {
	ctx, cancel := context.WithTimeout(ctx, fetchTimeout)
	defer cancel()
	p, err := fetch(ctx)
	if err != nil {
		return Program{}, errMissing(err)
	}
	return p, nil
}

func fetch(ctx context.Context) (Program, error) {
	for _, tool := range []string{"apt-get", "dpkg-deb", "dpkg-query"} {
		if _, err := exec.LookPath(tool); err != nil {
			return Program{}, fmt.Errorf("fetch: %w", err)
		}
	}
	dir, err := fetchedDir()
	if err != nil {
		return Program{}, err
	}
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return Program{}, fmt.Errorf("fetch: %w", err)
	}
	staging, err := os.MkdirTemp(filepath.Dir(dir), "pgbouncer-fetch-")
	if err != nil {
		return Program{}, fmt.Errorf("fetch: %w", err)
	}
	defer os.RemoveAll(staging)
	f := fetcher{staging: staging, root: filepath.Join(staging, "root")}
	if err := f.unpackAll(ctx); err != nil {
		return Program{}, err
	}
	if err := os.Chmod(f.root, 0o755); err != nil {
		return Program{}, fmt.Errorf("fetch: %w", err)
	}
	if _, err := unpacked(ctx, f.root); err != nil {
		return Program{}, fmt.Errorf("fetch: %w", err)
	}
	if err := os.Rename(f.root, dir); err != nil {
		// Another process has installed its own in the meantime, or there was a broken one.
		if p, err := unpacked(ctx, dir); err == nil {
			return p, nil
		}
		if err := errors.Join(os.RemoveAll(dir), os.Rename(f.root, dir)); err != nil {
			return Program{}, fmt.Errorf("fetch: %w", err)
		}
	}
	return unpacked(ctx, dir)
}

// fetcher unpacks packages into a folder.
type fetcher struct {
	staging, root string
	options       []string // of apt-get
}

// unpackAll unpacks pgbouncer and those libraries it needs that are not installed.
func (f *fetcher) unpackAll(ctx context.Context) error {
	err := f.download(ctx, "pgbouncer")
	if err != nil {
		// A new machine may have no lists of packages yet. Lists in a folder of our own need no privileges.
		if err = errors.Join(err, f.update(ctx)); f.options == nil {
			return err
		}
		if err = f.download(ctx, "pgbouncer"); err != nil {
			return err
		}
	}
	archives, err := filepath.Glob(filepath.Join(f.staging, "pgbouncer_*.deb"))
	if err != nil || len(archives) != 1 {
		return fmt.Errorf("fetch: apt-get downloaded %v", archives)
	}
	depends, err := run(ctx, f.staging, "dpkg-deb", "--field", archives[0], "Depends")
	if err != nil {
		return err
	}
	for entry := range strings.SplitSeq(depends, ",") {
		name, _, _ := strings.Cut(strings.TrimSpace(entry), " ")
		if !strings.HasPrefix(name, "lib") || installed(ctx, name) {
			continue // the rest is for running it as a service
		}
		if err := f.download(ctx, name); err != nil {
			return err
		}
	}
	archives, _ = filepath.Glob(filepath.Join(f.staging, "*.deb")) // fails only for a malformed pattern
	for _, archive := range archives {
		if _, err := run(ctx, f.staging, "dpkg-deb", "--extract", archive, f.root); err != nil {
			return err
		}
	}
	return f.flatten()
}

// flatten moves libraries from lib, where some packages install them, to usr/lib.
func (f *fetcher) flatten() error {
	libraries, _ := filepath.Glob(filepath.Join(f.root, "lib", "*-linux-*", "*")) // fails only for a malformed pattern
	for _, library := range libraries {
		to := filepath.Join(f.root, "usr", "lib", filepath.Base(filepath.Dir(library)))
		if err := os.MkdirAll(to, 0o755); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
		if err := os.Rename(library, filepath.Join(to, filepath.Base(library))); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
	}
	return nil
}

func (f *fetcher) download(ctx context.Context, name string) error {
	_, err := run(ctx, f.staging, "apt-get", append(append([]string{"--quiet"}, f.options...), "download", name)...)
	return err
}

// update downloads the lists of packages into a folder of our own.
func (f *fetcher) update(ctx context.Context) error {
	state, cache := filepath.Join(f.staging, "state"), filepath.Join(f.staging, "cache")
	for _, dir := range []string{filepath.Join(state, "lists", "partial"), filepath.Join(cache, "archives", "partial")} {
		if err := os.MkdirAll(dir, 0o755); err != nil {
			return fmt.Errorf("fetch: %w", err)
		}
	}
	options := []string{
		"-o", "Dir::State=" + state, "-o", "Dir::Cache=" + cache, "-o", "Dir::State::status=/var/lib/dpkg/status",
		"-o", "APT::Sandbox::User=", "-o", "Debug::NoLocking=1",
	}
	if _, err := run(ctx, f.staging, "apt-get", append(append([]string{"--quiet"}, options...), "update")...); err != nil {
		return err
	}
	f.options = options
	return nil
}

// installed reports whether a package is installed on the machine.
func installed(ctx context.Context, name string) bool {
	out, err := run(ctx, "", "dpkg-query", "--show", "--showformat", "${db:Status-Status}", name)
	return err == nil && strings.Contains(out, "installed") && !strings.Contains(out, "not-installed")
}

func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "LC_ALL=C", "DEBIAN_FRONTEND=noninteractive")
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("fetch: %s %s: %w: %s", name, args[len(args)-1], err, strings.TrimSpace(stderr.String()))
	}
	return string(out), nil
}
