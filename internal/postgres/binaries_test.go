package postgres

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// programDir creates a folder with programs that only print a line.
func programDir(t *testing.T, parent, name string, programs ...string) string {
	t.Helper()
	dir := filepath.Join(parent, name)
	testutil.NoError(t, os.MkdirAll(dir, 0o755))
	for _, p := range programs {
		testutil.NoError(t, os.WriteFile(filepath.Join(dir, p), []byte("#!/bin/sh\necho something else 1.2\n"), 0o755))
	}
	return dir
}

func TestFindBinariesSearchesInOrder(t *testing.T) {
	root, err := filepath.EvalSymlinks(t.TempDir()) // as FindBinaries does
	testutil.NoError(t, err)
	given := programDir(t, root, "given", programs...)
	inPath := programDir(t, root, "path", programs...)
	programDir(t, root, "lib/9.6/bin", programs...)
	ten := programDir(t, root, "lib/10/bin", programs...)
	programDir(t, root, "lib/16/bin", "initdb")
	other := programDir(t, root, "other/17/bin", programs...)
	globs := []string{filepath.Join(root, "lib/*/bin"), filepath.Join(root, "other/*/bin")}

	for _, tt := range []struct {
		name      string
		bin, path string // the variables
		globs     []string
		want      string
	}{
		{"variable", given, inPath, globs, given},
		{"PATH", "", inPath, globs, inPath},
		{"highest version, by number", "", root, globs, ten},
		{"next place", "", root, []string{filepath.Join(root, "none/*"), globs[1], globs[0]}, other},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(BinEnv, tt.bin)
			t.Setenv("PATH", tt.path)
			got, err := find(tt.globs)
			if err != nil || got != tt.want {
				t.Errorf("found %q (%v), want %q", got, err, tt.want)
			}
		})
	}
}

func TestMissingBinariesErrorSuggestsFixes(t *testing.T) {
	t.Setenv("PATH", t.TempDir())
	t.Setenv(BinEnv, "")
	_, err := find([]string{filepath.Join(t.TempDir(), "*")})
	if !errors.Is(err, ErrNoBinaries) {
		t.Fatalf("the error is %v", err)
	}
	for _, want := range []string{
		"sudo apt-get install postgresql\n", "sudo dnf install postgresql-server\n", "apk add postgresql\n",
		"brew install postgresql@17\n", "go -C internal/postgres/fetch run .\n",
		"OTELPOOL_POSTGRES_BIN=", "DATABASE_URL=",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("the error does not say %q:\n%v", want, err)
		}
	}
}

func TestStartRefusesWrongBinFolder(t *testing.T) {
	root := t.TempDir()
	// The server's user must be able to enter the folder.
	testutil.NoError(t, os.Chmod(filepath.Dir(root), 0o755))
	plain := programDir(t, root, "plain")
	for _, p := range programs {
		testutil.NoError(t, os.WriteFile(filepath.Join(plain, p), nil, 0o644))
	}
	failing := programDir(t, root, "failing", "initdb")
	testutil.NoError(t, os.WriteFile(filepath.Join(failing, "postgres"), []byte("#!/bin/sh\necho no such library >&2\nexit 3\n"), 0o755))
	tests := []struct{ name, dir, want string }{
		{"missing", filepath.Join(root, "missing"), "no such file"},
		{"a file", os.Args[0], "not a directory"},
		{"empty", programDir(t, root, "empty"), "no such file"},
		{"half", programDir(t, root, "half", "initdb"), "postgres"},
		{"not executable", plain, "permission denied"},
		{"another program", programDir(t, root, "other", programs...), `has version "something else 1.2" (must name PostgreSQL and a number)`},
		{"a program that fails", failing, "exit status 3: no such library"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Setenv(BinEnv, tt.dir)
			s, err := Start(t.Context())
			if err == nil {
				_ = s.Stop()
				t.Fatal("no error")
			}
			if !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), tt.dir) {
				t.Errorf("the error is %v", err)
			}
		})
	}
}
