package postgres

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// BinEnv is the environment variable that holds the folder with the server's programs.
const BinEnv = "OTELPOOL_POSTGRES_BIN"

// programs lists the programs that a folder must contain.
var programs = []string{"initdb", "postgres"}

// globs lists the folders outside PATH where packages install the server's programs.
var globs = []string{
	"/usr/lib/postgresql/*/bin",                          // Debian, Ubuntu
	"/usr/pgsql-*/bin",                                   // PostgreSQL's own packages for Fedora and related systems
	"/usr/libexec/postgresql*",                           // Alpine
	"/opt/homebrew/opt/postgresql@*/bin",                 // Homebrew, Apple silicon
	"/opt/homebrew/opt/postgresql/bin",                   //
	"/usr/local/opt/postgresql@*/bin",                    // Homebrew, Intel
	"/usr/local/opt/postgresql/bin",                      //
	"/home/linuxbrew/.linuxbrew/opt/postgresql@*/bin",    // Homebrew, Linux
	"/Applications/Postgres.app/Contents/Versions/*/bin", // Postgres.app
}

// FindBinaries returns the folder with the server's programs, initdb and postgres. It searches, in this order, the
// variable [BinEnv], PATH, the usual folders of packages (highest version first) and [FetchedDir]. If it finds none, the
// error wraps [ErrNoBinaries] and says what to install or set.
func FindBinaries() (string, error) {
	places := slices.Clone(globs)
	if fetched, err := FetchedDir(); err == nil {
		places = append(places, filepath.Join(fetched, "*", "bin"))
	}
	return find(places)
}

func find(globs []string) (string, error) {
	if dir := os.Getenv(BinEnv); dir != "" {
		return fromEnv(dir)
	}
	if dir := pathDir(); dir != "" && checkDir(dir) == nil {
		return dir, nil
	}
	for _, pattern := range globs {
		dirs, _ := filepath.Glob(pattern) // fails only for a malformed pattern
		slices.SortFunc(dirs, func(a, b string) int { return slices.Compare(numbers(b), numbers(a)) })
		for _, dir := range dirs {
			if checkDir(dir) == nil {
				return dir, nil
			}
		}
	}
	return "", errMissing()
}

func fromEnv(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err == nil {
		err = checkDir(abs)
	}
	if err != nil {
		return "", fmt.Errorf("postgres: %s is %q, not a folder with PostgreSQL's initdb and postgres: %w", BinEnv, dir, err)
	}
	return abs, nil
}

// checkDir returns an error if dir does not contain the programs.
func checkDir(dir string) error {
	var errs []error
	for _, name := range programs {
		_, err := exec.LookPath(filepath.Join(dir, name))
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// pathDir returns the folder of the server program in PATH. It resolves links, because a link's folder lacks most of
// the other programs.
func pathDir() string {
	path, err := exec.LookPath("postgres")
	if err != nil {
		return ""
	}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real
	}
	return filepath.Dir(path)
}

var digits = regexp.MustCompile(`\d+`)

// numbers returns the numbers in a path, so that versions compare as numbers: 9 comes before 15.
func numbers(path string) []int {
	var ns []int
	for _, s := range digits.FindAllString(path, -1) {
		n, _ := strconv.Atoi(s)
		ns = append(ns, n)
	}
	return ns
}
