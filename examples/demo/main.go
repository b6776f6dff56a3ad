// Command demo runs a small HTTP service on an instrumented pool, sends it traffic, and shows its metrics: a line a
// second on the terminal, /metrics for Prometheus, and OTLP if the environment sets an endpoint. Quiet and busy phases
// alternate with phases in which the pool has a problem.
//
//	go -C examples run ./demo -addr 127.0.0.1:9464 -duration 10s
//
// It uses the PostgreSQL server of DATABASE_URL, in its own schema that it drops at the end, or else a throwaway server
// that it starts and stops.
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

func main() {
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

// run runs the demo and returns its exit code.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	// After the first signal, a second one has its default effect and ends the program immediately.
	context.AfterFunc(ctx, stop)

	s, err := newSettings(args, os.Getenv)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		return 0
	}
	if err == nil {
		err = demo(ctx, s, stdout, stderr)
	}
	if err != nil {
		fmt.Fprintln(stderr, "demo:", err)
		return 1
	}
	return 0
}
