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
	// stale is the age at which the folder of an unfinished fetch is taken for that of one that was killed.
	stale = time.Hour
)

// fetcher brings the programs of one version and platform from a repository into the cache folder.
type fetcher struct {
	out      io.Writer
	jar      *url.URL
	cacheDir string // holds the folders of unfinished fetches
	target   string // comes into being whole, by a rename
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
		// The URL, and url.Parse's error, could hold a password.
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

// fetch does the whole work. Until it has all succeeded, nothing is where the launcher looks.
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
	jar := filepath.Join(staging, "jar")
	if err := download(ctx, f.jar, jar); err != nil {
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

// install puts the programs where the launcher finds them. If someone else was quicker, theirs stay.
func (f *fetcher) install(ctx context.Context, tree string) error {
	err := os.Rename(tree, f.target)
	if err != nil && check(ctx, filepath.Join(f.target, "bin")) != nil {
		// There is something that is of no use: it goes.
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

// sweep removes what fetches left that were killed.
func (f *fetcher) sweep() {
	dirs, _ := filepath.Glob(filepath.Join(f.cacheDir, stagingPrefix+"*"))
	for _, dir := range dirs {
		if info, err := os.Stat(dir); err == nil && time.Since(info.ModTime()) > stale {
			_ = os.RemoveAll(dir)
		}
	}
}

// check runs the programs: those for another C library are there, but do not start.
func check(ctx context.Context, bin string) error {
	for _, name := range []string{"initdb", "postgres"} {
		out, err := exec.CommandContext(ctx, filepath.Join(bin, name), "--version").CombinedOutput()
		if err != nil {
			return fmt.Errorf("fetch: the fetched %s does not run here: %w: %.500s", name, err, out)
		}
		if !strings.Contains(string(out), "PostgreSQL") {
			return fmt.Errorf("fetch: the fetched %s says its version is %.100q", name, out)
		}
	}
	return nil
}
