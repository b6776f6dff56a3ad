// Package stacktest starts the programs of package stack for a test, and reads the metrics that they serve.
package stacktest

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/programs"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// WaitLimit is how long a test waits for an event. It is long, because a build or a busy machine takes time.
const WaitLimit = 3 * time.Minute

// builds maps each program to a function that builds it once.
var builds sync.Map

// Program returns the path of a program.
func Program(t testing.TB, p programs.Program) string {
	t.Helper()
	build, _ := builds.LoadOrStore(p, sync.OnceValues(func() (string, error) { return p.Build(context.Background()) }))
	path, err := build.(func() (string, error))()
	testutil.NoError(t, err)
	return path
}

// Shipped returns the path of a file below collector-config.
func Shipped(t testing.TB, parts ...string) string {
	t.Helper()
	root, err := programs.Root()
	testutil.NoError(t, err)
	return filepath.Join(root, "collector-config", filepath.Join(parts...))
}

// ReadShipped returns the content of a file below collector-config.
func ReadShipped(t testing.TB, parts ...string) string {
	t.Helper()
	text, err := os.ReadFile(Shipped(t, parts...))
	testutil.NoError(t, err)
	return string(text)
}

// FreeAddress returns a free loopback address, each once.
func FreeAddress(t testing.TB) string {
	t.Helper()
	address, err := programs.FreeAddress()
	testutil.NoError(t, err)
	return address
}

// Start starts one of the programs, and ends it after the test.
func Start(t testing.TB, program programs.Program, env []string, args ...string) *stack.Process {
	t.Helper()
	p, err := stack.Start(stack.Command{
		Name: program.String(), Path: Program(t, program), Args: args, Env: env, Log: filepath.Join(t.TempDir(), "log"),
	})
	testutil.NoError(t, err)
	endWith(t, p)
	return p
}

// Ready waits until a program has written the words. It returns false if the program ended because an address was in
// use: another process may have taken a port that was free a moment before.
func Ready(t testing.TB, p *stack.Process, words string) bool {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), WaitLimit)
	defer cancel()
	err := p.Await(ctx, func(context.Context) error {
		if !strings.Contains(p.LastLines(1000), words) {
			return errors.New("it has not written " + words)
		}
		return nil
	})
	if err != nil && !strings.Contains(err.Error(), "address already in use") {
		t.Fatal(err)
	}
	return err == nil
}

// Prometheus starts a Prometheus, and ends it after the test. With no configuration in the settings it has the shipped
// one, and scrapes and evaluates once a second.
func Prometheus(t testing.TB, s stack.PrometheusSettings) *stack.Prometheus {
	t.Helper()
	s.Program, s.Dir = Program(t, programs.Prometheus), t.TempDir()
	if s.Config == "" {
		s.Config, s.Interval = Shipped(t, "prometheus", "prometheus.yml"), time.Second
	}
	p, err := stack.StartPrometheus(t.Context(), s)
	testutil.NoError(t, err)
	endWith(t, p.Process)
	return p
}

// endWith kills a program after the test. Its files are deleted, so it need not write them.
func endWith(t testing.TB, p *stack.Process) {
	t.Cleanup(func() {
		testutil.Check(t, p.Kill())
		if t.Failed() {
			t.Logf("%s wrote last:\n%s", p.Name(), p.LastLines(40))
		}
	})
}
