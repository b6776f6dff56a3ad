package sqldb

import (
	"database/sql/driver"
	"runtime"
	"sync"
	"weak"

	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelpool/otelpool-go/otelpool"
)

// makers maps weak pointers to the drivers of this package to their makers. The driver is the only part of its
// connector that a sql.DB reveals. It cannot be a type of this package: programs and libraries recognize PostgreSQL by
// a *stdlib.Driver.
var makers sync.Map

// maker describes what created a driver. The pointer is weak because inst refers to the sql.DB, which refers to the
// driver.
type maker struct {
	onPool bool
	inst   weak.Pointer[otelpool.Instrumentation] // of a Connector
}

// newDriver returns a driver for which makerOf returns m.
func newDriver(m maker) *stdlib.Driver {
	d := new(stdlib.Driver)
	key := weak.Make(d)
	makers.Store(key, m)
	runtime.AddCleanup(d, func(key weak.Pointer[stdlib.Driver]) { makers.Delete(key) }, key)
	return d
}

// makerOf returns the Instrumentation if a Connector created the driver, else nil, and reports whether the driver
// belongs to a sql.DB on a pgxpool.
func makerOf(d driver.Driver) (inst *otelpool.Instrumentation, onPool bool) {
	known, _ := d.(*stdlib.Driver)
	found, ok := makers.Load(weak.Make(known))
	if !ok {
		return nil, false
	}
	m := found.(maker)
	return m.inst.Value(), m.onPool
}
