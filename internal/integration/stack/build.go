package stack

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"path/filepath"

	"github.com/otelpool/otelpool-go/internal/programs"
)

// BuildDemo builds the demo and gives the path of the executable.
func BuildDemo(ctx context.Context) (string, error) {
	root, err := programs.Root()
	if err != nil {
		return "", err
	}
	path := filepath.Join(root, ".tmp", "bin", "demo")
	cmd := exec.CommandContext(ctx, "go", "build", "-o", path, "./demo")
	cmd.Dir = filepath.Join(root, "examples")
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", mendBuild("demo", fmt.Errorf("stack: build demo: %w\n%s", err, out))
	}
	return path, nil
}

// Build builds a program unless the user gave one, and gives the path of the executable.
func Build(ctx context.Context, program programs.Program, given string) (string, error) {
	if given != "" {
		return given, nil
	}
	path, err := program.Build(ctx)
	if err != nil {
		return "", mendBuild(program.String(), err)
	}
	return path, nil
}

// mendBuild adds to an error of a build what to do about it.
func mendBuild(name string, err error) error {
	if errors.Is(err, exec.ErrNotFound) {
		return fmt.Errorf("stack: %s has to be built, and there is no go command in PATH: install Go, or name executables "+
			"that are there in %s and %s: %w", name, collectorEnv, prometheusEnv, err)
	}
	return err
}
