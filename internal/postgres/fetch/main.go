// Command fetch downloads PostgreSQL's server programs into the cache folder, where internal/postgres finds them. It
// does nothing on a machine that has the programs, or if DATABASE_URL names a server to use.
//
// The programs are those that zonky.io publishes for embedded use in a Maven repository. The library
// github.com/fergusstrange/embedded-postgres uses the same programs and the same layout. It does not export its
// download: its Start goes on to run a server on a fixed port, and cannot do that as root. So this command does the
// download itself, with the library's xz reader.
//
// OTELPOOL_POSTGRES_REPOSITORY sets another repository, OTELPOOL_POSTGRES_CACHE another cache folder.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	openUmask()
	if err := run(ctx, os.Stdout, postgres.FindBinaries); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run fetches the programs if find finds none and DATABASE_URL is not set.
func run(ctx context.Context, out io.Writer, find func() (string, error)) error {
	if os.Getenv(postgres.URLEnv) != "" {
		fmt.Fprintf(out, "fetch: nothing to do, %s is set\n", postgres.URLEnv)
		return nil
	}
	dir, missing := find()
	if missing == nil {
		fmt.Fprintf(out, "fetch: nothing to do, PostgreSQL is in %s\n", dir)
		return nil
	}
	if !errors.Is(missing, postgres.ErrNoBinaries) {
		return missing
	}
	f, err := newFetcher(out)
	if err == nil {
		err = f.fetch(ctx)
	}
	if err != nil && ctx.Err() == nil {
		return fmt.Errorf("%w\n%w", err, missing)
	}
	return err
}
