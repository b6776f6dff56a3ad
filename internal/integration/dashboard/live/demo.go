package live

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/otelpool/otelpool-go/internal/programs"
)

var demoPage = regexp.MustCompile(`^  page +http://(127\.0\.0\.1:\d+)/$`)

// StartDemo builds the demo and runs it on a throwaway PostgreSQL until stop is called. It returns the host:port of
// /metrics.
func StartDemo(ctx context.Context) (address string, stop func(), err error) {
	root, err := programs.Root()
	if err != nil {
		return "", nil, err
	}
	path := filepath.Join(root, ".tmp", "bin", "dashboard-demo")
	build := exec.CommandContext(ctx, "go", "build", "-o", path, "./demo")
	build.Dir = filepath.Join(root, "examples")
	if out, err := build.CombinedOutput(); err != nil {
		return "", nil, fmt.Errorf("live: build the demo: %w\n%s", err, out)
	}
	cmd := exec.Command(path, "-addr", "127.0.0.1:0")
	cmd.Env = demoEnvironment()
	demo, address, err := start(ctx, cmd, demoPage)
	if err != nil {
		return "", nil, err
	}
	return address, demo.stop, nil
}

// demoEnvironment returns this program's environment without the variables that configure the demo.
func demoEnvironment() []string {
	var env []string
	for _, v := range os.Environ() {
		name, _, _ := strings.Cut(v, "=")
		if name != "ADDR" && name != "DURATION" && name != "DATABASE_URL" && !strings.HasPrefix(name, "OTEL_") {
			env = append(env, v)
		}
	}
	return env
}
