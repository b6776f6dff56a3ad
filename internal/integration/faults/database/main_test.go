// Package database_test breaks the database under a load on two pools, one of them with otelpool, and compares the
// pools.
package database_test

import "github.com/otelpool/otelpool-go/internal/integration/faults/rig"

var figures = rig.NewTable("database", "fault", "out of service", "bare pool: first, last caller served again", "otelpool: first, last",
	"calls, failed", "connections opened, refused", "failures by class")
