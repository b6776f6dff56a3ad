// Command loadtest puts a load on a connection pool that is instrumented by otelpool.
//
// By default it is a stress test: many callers use a pool whose size and overflow are set by an otelpool.Sizing. It
// prints a line a second while it runs, and a report at the end. The test passes if the pool never had more connections
// in use than its size plus its overflow.
//
//	go -C examples run ./loadtest -preset staging -concurrency 100 -duration 10s
//
// With -rate it measures how long requests at that rate wait for a connection, for several sizes of the pool. The test
// passes if the waits reach the goal.
//
//	go -C examples run ./loadtest -rate 400 -pool-size 8 -p99-wait 5ms
//
// The exit status is 0 for PASS, 1 for FAIL, and 2 if there is no verdict: wrong usage, or no database.
//
// It uses the PostgreSQL server of -dsn or DATABASE_URL, where it creates nothing, or else a throwaway server. Its
// connections are read-only unless -write is given.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/otelpool/otelpool-go/examples/internal/display"
)

// Exit statuses.
const (
	exitPass = iota
	exitFail
	exitError
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the test and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal, a second one has its default effect and ends the program immediately.
	context.AfterFunc(ctx, stop)

	s, err := newSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return exitPass
	}
	var v verdict
	if err == nil {
		var progress io.Writer
		if f, ok := stderr.(*os.File); ok && display.IsTerminal(f) {
			progress = f
		}
		v, err = loadtest(ctx, s, stdout, progress)
	}
	if err != nil {
		fmt.Fprintln(stderr, "loadtest:", display.OneLine(err))
	}
	return exitStatus(v, err)
}

// exitStatus returns the exit status for a verdict and an error. A failed verdict takes precedence over an error.
func exitStatus(v verdict, err error) int {
	switch {
	case v.judged && !v.passed():
		return exitFail
	case err != nil:
		return exitError
	default:
		return exitPass
	}
}
