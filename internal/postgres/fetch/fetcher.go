package main

import (
	"context"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

const (
	repositoryEnv     = "OTELPOOL_POSTGRES_REPOSITORY"
	defaultRepository = "https://repo1.maven.org/maven2"

	stagingPrefix = "fetch-"
	// stale is the age from which the folder of an unfinished fetch counts as left by a killed process.
	stale = time.Hour
)

// fetcher downloads the programs of one version and platform from a repository into the cache folder.
type fetcher struct {
	out      io.Writer
	jar      *url.URL
	cacheDir string // parent of the folders of unfinished fetches
	target   string // created by a rename, so it is always complete
}

func newFetcher(out io.Writer) (*fetcher, error) {
	name, err := platform()
	if err != nil {
		return nil, err
	}
	repository := os.Getenv(repositoryEnv)
	if repository == "" {
		repository = defaultRepository
	}
	base, err := url.Parse(repository)
	if err != nil || base.Host == "" || base.Scheme != "http" && base.Scheme != "https" {
		// The URL, and url.Parse's error, could contain a password.
		return nil, fmt.Errorf("fetch: %s is not an http or https URL", repositoryEnv)
	}
	f := &fetcher{out: out, jar: base.JoinPath("io/zonky/test/postgres", "embedded-postgres-binaries-"+name, version,
		fmt.Sprintf("embedded-postgres-binaries-%s-%s.jar", name, version))}
	if f.cacheDir, err = postgres.CacheDir(); err != nil {
		return nil, err
	}
	fetched, err := postgres.FetchedDir()
	if err != nil {
		return nil, err
	}
	f.target = filepath.Join(fetched, version)
	return f, nil
}

// fetch downloads, unpacks, checks and installs the programs. The launcher finds them only after all steps have
// succeeded.
func (f *fetcher) fetch(ctx context.Context) (err error) {
	if err := os.MkdirAll(filepath.Dir(f.target), 0o755); err != nil {
		return fmt.Errorf("fetch: make the cache folder: %w", err)
	}
	f.sweep()
	staging, err := os.MkdirTemp(f.cacheDir, stagingPrefix)
	if err != nil {
		return fmt.Errorf("fetch: make a folder: %w", err)
	}
	defer os.RemoveAll(staging)

	fmt.Fprintf(f.out, "fetch: downloading %s\n", f.jar.Redacted())
	jar, err := download(ctx, f.jar)
	if err != nil {
		return err
	}
	tree := filepath.Join(staging, "tree")
	if err := unpack(ctx, jar, tree); err != nil {
		return err
	}
	if err := check(ctx, filepath.Join(tree, "bin")); err != nil {
		return err
	}
	return f.install(ctx, tree)
}

// install moves the programs to the folder where the launcher finds them. It keeps the programs of a faster process.
func (f *fetcher) install(ctx context.Context, tree string) error {
	err := os.Rename(tree, f.target)
	if err != nil && check(ctx, filepath.Join(f.target, "bin")) != nil {
		// The existing folder is unusable: remove it.
		if err = os.RemoveAll(f.target); err == nil {
			err = os.Rename(tree, f.target)
		}
		if err != nil {
			return fmt.Errorf("fetch: move the programs into place: %w", err)
		}
	}
	fmt.Fprintf(f.out, "fetch: PostgreSQL is in %s\n", filepath.Join(f.target, "bin"))
	return nil
}

// sweep removes the folders of fetches that were killed.
func (f *fetcher) sweep() {
	dirs, _ := filepath.Glob(filepath.Join(f.cacheDir, stagingPrefix+"*"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > stale {
			_ = os.RemoveAll(dir)
		}
	}
}

// check runs the programs. Programs for another C library exist but do not start.
func check(ctx context.Context, bin string) error {
	for _, name := range []string{"initdb", "postgres"} {
		out, err := exec.CommandContext(ctx, filepath.Join(bin, name), "--version").CombinedOutput()
		if err != nil {
			return fmt.Errorf("fetch: the fetched %s does not run here: %w: %.500s", name, err, out)
		}
		if !strings.Contains(string(out), "PostgreSQL") {
			return fmt.Errorf("fetch: the fetched %s has version %.100q (must name PostgreSQL)", name, out)
		}
	}
	return nil
}
