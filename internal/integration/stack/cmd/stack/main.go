// Command stack runs the demo, a Collector and Prometheus together; see its -h.
package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	if len(args) > 0 {
		if args[0] == "-h" || args[0] == "-help" || args[0] == "--help" {
			fmt.Fprint(stdout, stack.Help)
			return 0
		}
		fmt.Fprintf(stderr, "stack: unknown argument %q: settings are environment variables, -h lists them\n", args[0])
		return 1
	}
	s, err := stack.NewSettings(os.Getenv)
	if err == nil {
		err = stack.Run(ctx, s, stdout)
	}
	if err != nil {
		fmt.Fprintln(stderr, err)
		return 1
	}
	return 0
}
