package postgres

import (
	"errors"
	"fmt"
)

// ErrNoBinaries is wrapped by the errors of [FindBinaries] and [Start] if the machine has no PostgreSQL server
// programs.
var ErrNoBinaries = errors.New("no PostgreSQL server programs found")

func errMissing() error {
	return fmt.Errorf(`postgres: %w. Do one of these:
  install them:
    Debian, Ubuntu:  sudo apt-get install postgresql
    Fedora:          sudo dnf install postgresql-server
    Alpine:          apk add postgresql
    macOS:           brew install postgresql@17
  or fetch them into the cache folder, from this module's root:
    go -C internal/postgres/fetch run .
  or say where they are:
    %s=/path/to/postgresql/bin
  or use a server that runs already:
    %s=postgres://user:password@host:5432/database`, ErrNoBinaries, BinEnv, URLEnv)
}
