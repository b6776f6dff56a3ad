package stack_test

import (
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/programs"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// waitLimit is how long a test waits for an event. Only a failing test takes that long.
const waitLimit = 2 * time.Minute

// program builds a program if necessary and returns its path.
func program(t *testing.T, p programs.Program) string {
	t.Helper()
	path, err := p.Build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return path
}
