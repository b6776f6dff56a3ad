package sqldb

import (
	"database/sql"
	"database/sql/driver"
	"errors"
	"weak"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/internal/sibling"
)

// Register measures the pool that a sql.DB of any driver has of its own, for programs that keep it. It reads
// [sql.DB.Stats] at collection: connections in use, idle and allowed, acquires that waited and how long, connections
// closed by age, idleness and SetMaxIdleConns. Connections that are being opened count as in use.
//
// What a sql.DB does not say is absent: who waits now, who holds a connection and for how long, timeouts, peaks, and
// what follows from these, such as findings. Without a limit (SetMaxOpenConns) the metrics of the limit are absent,
// and those of the base size unless [otelpool.WithBaseSize] sets it; the default is the limit. [Open] has all of it,
// by as many lines.
//
// The durations of its operations are measured if the sql.DB was made of a [Connector]. The options of the Connector
// then apply, and Register must have none. Otherwise the pool's name is "sql.DB" unless [otelpool.WithPoolName] sets
// one, and only options that concern gauges have an effect. If another library wraps the Connector, Register does
// not see it.
//
// A sql.DB of [stdlib.OpenDBFromPool] is taken for one with a pool of its own: use [FromPool].
//
// It is an error if the sql.DB is nil, registered already, or one of [Open] or [FromPool], whose pool is measured
// itself. When the sql.DB is closed, call [otelpool.Instrumentation.Unregister] as well, unless it was made of a
// Connector. Register is safe for concurrent use.
func Register(db *sql.DB, opts ...otelpool.Option) (*otelpool.Instrumentation, error) {
	if db == nil {
		return nil, errors.New("otelpool: sql.DB is nil")
	}
	d, err := driverOf(db)
	if err != nil {
		return nil, err
	}
	switch inst, onPool := makerOf(d); {
	case onPool:
		return nil, errors.New("otelpool: sql.DB is on a pgxpool: instrument that, as Open does")
	case inst != nil && len(opts) > 0:
		return nil, errors.New("otelpool: options for a sql.DB of a Connector: pass them to Connector")
	case inst != nil:
		if err := sibling.RegisterWith(inst, db); err != nil {
			return nil, err
		}
		return inst, nil
	}
	inst, err := sibling.RegisterDB(db, opts)
	if err != nil {
		return nil, err
	}
	return inst.(*otelpool.Instrumentation), nil
}

// driverOf returns the driver of a sql.DB, which may be nil. database/sql panics if the sql.DB is a zero value.
func driverOf(db *sql.DB) (d driver.Driver, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("otelpool: sql.DB was not made by sql.Open or sql.OpenDB, or its driver panics")
		}
	}()
	return db.Driver(), nil
}

// Connector returns a connector for [sql.OpenDB] whose connections are measured: the durations of queries, batches,
// copies and dials, and what the options add to them, such as spans. It works on a copy of the configuration, whose
// tracer is called as before. Call [Register] with the sql.DB for the metrics of its pool; without, a line is logged
// after a minute.
//
// Options that concern acquires, holds or findings have no effect. Close of the sql.DB ends the measuring. The
// options of package stdlib, such as OptionBeforeConnect, cannot be given: a program that needs them has the hooks
// of [pgxpool.Config] with [OpenWithConfig].
//
// It is an error if the configuration is nil, was not made by [pgx.ParseConfig], is instrumented already or has a
// [otelpool.Sizing]. A Connector is for one sql.DB. It is safe for concurrent use.
func Connector(config *pgx.ConnConfig, opts ...otelpool.Option) (driver.Connector, error) {
	if config != nil {
		config = config.Copy()
	}
	inst, err := sibling.InstrumentConn(config, opts)
	if err != nil {
		return nil, err
	}
	c := &ownConnector{Connector: stdlib.GetConnector(*config), inst: inst.(*otelpool.Instrumentation)}
	c.driver = newDriver(maker{inst: weak.Make(c.inst)})
	return c, nil
}

// ownConnector opens connections for a sql.DB that has a pool of its own.
type ownConnector struct {
	driver.Connector
	driver *stdlib.Driver
	inst   *otelpool.Instrumentation
}

// Driver implements driver.Connector. It says to Register what measures the connections.
func (c *ownConnector) Driver() driver.Driver { return c.driver }

// Close implements io.Closer, for sql.DB.Close.
func (c *ownConnector) Close() error { return c.inst.Unregister() }
