// Command fetch downloads PostgreSQL's server programs into the cache folder, where internal/postgres finds them, on a
// machine that has none. Where there are some, or DATABASE_URL names a server to use, it does nothing.
//
// The programs are those that zonky.io publishes for embedded use, in a Maven repository. They and their layout are what
// github.com/fergusstrange/embedded-postgres uses, too, but that library gives no access to its download alone: its only
// way there is Start, which goes on to run a server at a fixed port, and cannot do that as root. So the download is made
// here, with the library's xz reader.
//
// OTELPOOL_POSTGRES_REPOSITORY gives another repository, OTELPOOL_POSTGRES_CACHE another cache folder.
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

// run fetches the programs if find finds none and no server is given.
func run(ctx context.Context, out io.Writer, find func(context.Context) (string, error)) error {
	if os.Getenv(postgres.URLEnv) != "" {
		fmt.Fprintf(out, "fetch: nothing to do, %s is set\n", postgres.URLEnv)
		return nil
	}
	dir, missing := find(ctx)
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
