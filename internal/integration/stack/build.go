package stack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// BuildDemo builds the demo and returns the path of the executable.
func BuildDemo(ctx context.Context) (string, error) {
	root, err := programs.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".tmp", "bin", "demo")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./demo")
	cmd.Dir = filepath.Join(root, "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", explainBuild("demo", fmt.Errorf("stack: build demo: %w\n%s", err, out))
	}
	return path, nil
}

// Build builds a program and returns the path of the executable. If the user has set one, it returns that.
func Build(ctx context.Context, program programs.Program, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	path, err := program.Build(ctx)
	if err != nil {
		return "", explainBuild(program.String(), err)
	}
	return path, nil
}

// explainBuild adds instructions to an error of a build.
func explainBuild(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("stack: build %s: no go command in PATH: install Go, or set %s and %s "+
			"to existing executables: %w", name, collectorEnv, prometheusEnv, err)
	}
	return err
}
