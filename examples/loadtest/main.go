// Command loadtest is the stress test of a connection pool: many callers at once against an instrumented pool whose size
// and overflow are an otelpool.Sizing, a line a second while it runs, and a report at the end. It passes if the pool
// never had more connections in use than its size and its overflow.
//
//	go run ./examples/loadtest -preset staging -concurrency 100 -duration 10s
//
// The exit status is 0 for PASS, 1 for FAIL, and 2 if there was nothing to judge: bad usage, or no database.
//
// It uses the PostgreSQL server of DATABASE_URL, where it makes nothing, or else a throwaway server that it starts and
// stops.
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
)

// What the program exits with.
const (
	exitPass = iota
	exitFail
	exitTrouble
)

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the test and returns its exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// From the first signal on, a second one has its usual effect and ends the program at once.
	context.AfterFunc(ctx, stop)

	s, err := newSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return exitPass
	}
	var v verdict
	if err == nil {
		v, err = loadtest(ctx, s, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, "loadtest:", oneLine(err))
	}
	return exitStatus(v, err)
}

// exitStatus is for programs what the report's last line is for people. A pool that failed has failed, whatever went
// wrong afterwards.
func exitStatus(v verdict, err error) int {
	switch {
	case v.judged && !v.passed():
		return exitFail
	case err != nil:
		return exitTrouble
	default:
		return exitPass
	}
}
