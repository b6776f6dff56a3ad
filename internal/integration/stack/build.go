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
	switch out, err := cmd.CombinedOutput(); {
	case errors.Is(err, exec.ErrNotFound):
		return "", fmt.Errorf("stack: build demo: no go command in PATH: install Go: %w", err)
	case err != nil:
		return "", fmt.Errorf("stack: build demo: %w\n%s", err, out)
	}
	return path, nil
}
