// Package programs builds the programs that tests run: an OpenTelemetry Collector and Prometheus, each from the nested
// module that pins its version, and the demo. The first build takes minutes; later builds find their results in the
// cache.
package programs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/otelpool/otelpool-go/internal/postgres"
)

// modulePath is the first line of the go.mod that marks the root of the project.
const modulePath = "module github.com/otelpool/otelpool-go\n"

// Program is one of the programs that this package builds.
type Program struct {
	name   string
	module string // path of the nested module, from the project's root
	pkg    string
	tags   string
}

// The programs. Prometheus is built without service discovery, which needs the clients of every cloud.
var (
	Collector  = Program{name: "collector", module: "internal/collector", pkg: "."}
	Demo       = Program{name: "demo", module: "examples", pkg: "./demo"}
	Prometheus = Program{name: "prometheus", module: "internal/integration", pkg: "github.com/prometheus/prometheus/cmd/prometheus", tags: "remove_all_sd"}
	Promtool   = Program{name: "promtool", module: "internal/integration", pkg: "github.com/prometheus/prometheus/cmd/promtool", tags: "remove_all_sd"}
)

// All returns the programs.
func All() []Program { return []Program{Collector, Demo, Prometheus, Promtool} }

// String returns the program's name.
func (p Program) String() string { return p.name }

// Build builds the program if it is not up to date, and returns the path of the executable. It needs the go command,
// and the working directory must be within the project's source tree. The error contains the compiler's output.
func (p Program) Build(ctx context.Context) (string, error) {
	root, err := Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".tmp", "bin", p.name)
	cmd := exec.CommandContext(ctx, "go", "build", "-tags", p.tags, "-o", path, p.pkg)
	cmd.Dir = filepath.Join(root, filepath.FromSlash(p.module))
	switch out, err := cmd.CombinedOutput(); {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("programs: build %s: no go command in PATH: install Go: %w", p.name, err)
	case err != nil:
		return "", fmt.Errorf("programs: build %s in %s: %w\n%s", p.name, p.module, err, out)
	}
	return path, nil
}

// Root returns the root of the source tree that contains the working directory.
func Root() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", fmt.Errorf("programs: %w", err)
	}
	for {
		text, err := os.ReadFile(filepath.Join(dir, "go.mod"))
		if err == nil && strings.HasPrefix(string(text), modulePath) {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("programs: the working directory is not within the source of github.com/otelpool/otelpool-go")
		}
		dir = parent
	}
}

// FreeAddress returns a loopback address with a port of [postgres.FreePort] for a program to listen on.
func FreeAddress() (string, error) {
	port, err := postgres.FreePort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
