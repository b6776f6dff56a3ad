// Command doctor prints what is wrong with the connection pools of a service in the style of compiler errors: the
// problem, its evidence, and what to do. It reads the report.json that exporters/poolz serves.
//
//	go -C examples run ./doctor -url http://127.0.0.1:9464/debug/pool/
//	go -C examples run ./doctor -url http://127.0.0.1:9464/debug/pool/ -watch
//	go -C examples run ./doctor -file report.json
//
// The exit status is that of a linter: 0 if nothing is wrong, 1 if there is a finding of severity warning or critical, and 2
// if there is no report or the flags are wrong. With -watch it is that of the last report. go run makes 1 of every status
// but 0, so build the program for a script.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/signal"
	"syscall"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/exporters/poolz"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// Exit statuses.
const (
	exitOK = iota
	exitFindings
	exitError
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	p := program{client: fetch.NewClient(requestTimeout), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr, terminal: display.IsTerminal(os.Stdout) && os.Getenv("TERM") != "dumb"}
	code := p.run(ctx, os.Args[1:])
	stop()
	os.Exit(code)
}

// program has the program's dependencies.
type program struct {
	client         *http.Client
	stdin          io.Reader
	stdout, stderr io.Writer
	terminal       bool // whether stdout can be cleared
}

// run runs the program and returns its exit status.
func (p program) run(ctx context.Context, args []string) int {
	s, err := newSettings(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(p.stdout, usage)
		return exitOK
	}
	if err != nil {
		fmt.Fprintln(p.stderr, "doctor:", err)
		return exitError
	}
	if s.watch {
		return p.watch(ctx, s)
	}
	d, err := p.read(ctx, s)
	if err == nil {
		err = d.WriteText(p.stdout)
	}
	return p.status(d, err)
}

// status returns the exit status for a document, and prints the error if there is one.
func (p program) status(d poolz.Document, err error) int {
	if err != nil {
		fmt.Fprintln(p.stderr, "doctor:", err)
		return exitError
	}
	for _, pool := range d.Pools {
		for _, f := range pool.Findings {
			if f.Severity != diagnose.Info { // includes severities of a newer service
				return exitFindings
			}
		}
	}
	return exitOK
}
