package main

import (
	"bytes"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// walkFiles visits the plain files below a folder and the targets of its links. The folder may not exist. walkFiles
// skips the files of the just-in-time compiler, which are large.
func walkFiles(root fs.FS, dir string, visit func(name string)) error {
	return fs.WalkDir(root, dir, func(name string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if e.IsDir() && e.Name() == "bitcode" {
			return fs.SkipDir
		}
		if info, err := fs.Stat(root, name); err == nil && info.Mode().IsRegular() && !strings.Contains(name, "llvmjit") {
			visit(name)
		}
		return nil
	})
}

// cacheFolder creates a cache folder that the server's user can reach, and makes this process use it.
func cacheFolder(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	testutil.NoError(t, os.Chmod(filepath.Dir(dir), 0o755))
	t.Setenv(postgres.CacheEnv, dir)
	t.Setenv(postgres.URLEnv, "")
	return dir
}

func none() (string, error) { return "", postgres.ErrNoBinaries }

func TestFetchedProgramsRunAServer(t *testing.T) {
	programs := machinesPrograms(t)
	cache := cacheFolder(t)
	t.Setenv(repositoryEnv, repository(t, archive(t, programs...)).URL+"/maven2/")
	var out bytes.Buffer
	testutil.NoError(t, run(t.Context(), &out, none))
	bin := filepath.Join(cache, "postgres", version, "bin")
	if !strings.Contains(out.String(), "PostgreSQL is in "+bin) {
		t.Errorf("the output is %q", out.String())
	}
	if left := list(t, cache, "*"); len(left) != 1 {
		t.Errorf("in the cache folder are %v", left)
	}
	t.Setenv(postgres.BinEnv, bin)
	s, err := postgres.Start(t.Context())
	testutil.NoError(t, err)
	testutil.Check(t, s.Stop())
}

func TestFetchDoesNothingIfProgramsExist(t *testing.T) {
	cacheFolder(t)
	t.Setenv(repositoryEnv, "http://127.0.0.1:1")
	var out bytes.Buffer
	testutil.Check(t, run(t.Context(), &out, func() (string, error) { return "/somewhere", nil }))
	t.Setenv(postgres.URLEnv, "postgres://user:secret@nowhere.invalid/db")
	testutil.Check(t, run(t.Context(), &out, none))
	want := "fetch: nothing to do, PostgreSQL is in /somewhere\nfetch: nothing to do, DATABASE_URL is set\n"
	testutil.Equal(t, "output", out.String(), want)
}

func TestWrongBinFolderIsReported(t *testing.T) {
	cacheFolder(t)
	t.Setenv(postgres.BinEnv, "/nowhere")
	testutil.ErrorContains(t, run(t.Context(), io.Discard, postgres.FindBinaries), "/nowhere")
}

// Each fetch is a process. In one process, a child of one fetch could hold open a program that another fetch is
// writing, and a file that is open for writing cannot be run (golang.org/issue/22315).
func TestConcurrentFetchesSucceed(t *testing.T) {
	const child = "OTELPOOL_TEST_FETCH"
	if os.Getenv(child) != "" {
		testutil.NoError(t, run(t.Context(), io.Discard, none))
		return
	}
	cacheFolder(t)
	t.Setenv(repositoryEnv, repository(t, archive(t, fakePrograms...)).URL+"/maven2")
	t.Setenv(child, "yes")
	var wg sync.WaitGroup
	for range 5 {
		wg.Go(func() {
			out, err := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^"+t.Name()+"$").CombinedOutput()
			if err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	wg.Wait()
}

var fakePrograms = []entry{
	{name: "bin/", mode: 0o700},
	{name: "bin/initdb", content: "#!/bin/sh\necho PostgreSQL\n", mode: 0o700},
	{name: "bin/postgres", content: "#!/bin/sh\necho PostgreSQL\n", mode: 0o700},
	{name: "lib/libpq.so.5.1", content: "x", mode: 0o600},
	{name: "lib/libpq.so", link: "libpq.so.5.1"},
}

func TestFetchReplacesUnusableFolder(t *testing.T) {
	cache := cacheFolder(t)
	t.Setenv(repositoryEnv, repository(t, archive(t, fakePrograms...)).URL+"/maven2")
	bin := filepath.Join(cache, "postgres", version, "bin")
	testutil.NoError(t, os.MkdirAll(bin, 0o755))
	abandoned := filepath.Join(cache, stagingPrefix+"1")
	testutil.NoError(t, os.Mkdir(abandoned, 0o755))
	testutil.NoError(t, os.Chtimes(abandoned, time.Time{}, time.Now().Add(-2*stale)))
	testutil.NoError(t, run(t.Context(), io.Discard, none))
	if left := list(t, cache, "*"); len(left) != 1 {
		t.Errorf("in the cache folder are %v", left)
	}
	for name, want := range map[string]fs.FileMode{"bin": 0o755, "bin/initdb": 0o755, "lib/libpq.so": 0o644} {
		info, err := os.Stat(filepath.Join(filepath.Dir(bin), name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%s is %v (%v), want mode %o", name, info, err, want)
		}
	}
}

func list(t *testing.T, dir, pattern string) []string {
	t.Helper()
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	testutil.NoError(t, err)
	return found
}

func TestPlatformMatchesRepositoryNames(t *testing.T) {
	t.Parallel()
	tests := []struct {
		goos, goarch string
		alpine       bool
		want         string
	}{
		{"linux", "amd64", false, "linux-amd64"},
		{"linux", "arm64", false, "linux-arm64v8"},
		{"linux", "amd64", true, "linux-amd64-alpine"},
		{"darwin", "arm64", false, "darwin-arm64v8"},
		{"linux", "riscv64", false, ""},
		{"windows", "amd64", false, ""},
	}
	for _, tt := range tests {
		got, err := platformOf(tt.goos, tt.goarch, tt.alpine)
		if got != tt.want || (err != nil) != (tt.want == "") {
			t.Errorf("%s on %s is %q (%v), want %q", tt.goos, tt.goarch, got, err, tt.want)
		}
	}
}
