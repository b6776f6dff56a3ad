// Package database_test breaks the database under a load on two pools, one of them with otelpool, and compares the
// pools.
package database_test

import (
	"fmt"
	"os"
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
)

var figures = rig.NewTable("database", "fault", "out of service", "bare pool: first, last caller served again", "otelpool: first, last",
	"calls, failed", "connections opened, refused", "failures by class")

func TestMain(m *testing.M) {
	code := m.Run()
	if err := figures.Publish(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = max(code, 1)
	}
	os.Exit(code)
}
