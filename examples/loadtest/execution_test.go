package main

import (
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/program"
)

// testTimeout limits every wait. Only a failing test reaches it.
const testTimeout = time.Minute

// execution is a run of the program.
type execution struct{ *program.Execution }

func start(t *testing.T, path string, env []string, args ...string) *execution {
	t.Helper()
	return &execution{program.Start(t, testTimeout, path, env, args...)}
}
