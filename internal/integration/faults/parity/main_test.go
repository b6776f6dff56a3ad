// Package parity_test runs the scenarios of pgx's own tests of pgxpool on a bare pool and on pools with otelpool. It
// compares what the program sees: errors, results, the order of hooks and events, and Stat.
package parity_test

import (
	"testing"

	"github.com/otelpool/otelpool-go/internal/integration/faults/rig"
	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
)

var figures = rig.NewTable("parity", "scenario", "events and results", "otelpool.New", "Instrument", "with Sizing", "Sizing alone", "WithLongHold")

func TestMain(m *testing.M) { postgrestest.Main(m) }
