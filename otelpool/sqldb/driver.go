package sqldb

import (
	"database/sql/driver"
	"runtime"
	"sync"
	"weak"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelpool/otelpool-go/otelpool"
)

// makers maps weak pointers to the drivers of this package to what made them. A sql.DB says nothing of its connector
// but its driver. That cannot be a type of ours: programs and libraries know PostgreSQL by a *stdlib.Driver.
var makers sync.Map

// maker is what made a driver. It does not keep inst alive: that has the sql.DB, which has the driver.
type maker struct {
	onPool bool
	inst   weak.Pointer[otelpool.Instrumentation] // of a Connector
}

// newDriver returns a driver by which makerOf finds m.
func newDriver(m maker) *stdlib.Driver {
	d := new(stdlib.Driver)
	key := weak.Make(d)
	makers.Store(key, m)
	runtime.AddCleanup(d, func(key weak.Pointer[stdlib.Driver]) { makers.Delete(key) }, key)
	return d
}

// makerOf returns the Instrumentation of a driver that a Connector has, nil for others, and whether the driver is of a
// sql.DB on a pool.
func makerOf(d driver.Driver) (inst *otelpool.Instrumentation, onPool bool) {
	known, _ := d.(*stdlib.Driver)
	found, ok := makers.Load(weak.Make(known))
	if !ok {
		return nil, false
	}
	m := found.(maker)
	return m.inst.Value(), m.onPool
}
