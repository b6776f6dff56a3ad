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

// Register measures the built-in pool of a sql.DB, with any driver. At each collection it reads [sql.DB.Stats]:
// connections in use, idle and allowed, the number of acquires that waited and their waiting time, and connections
// closed because of age, idleness and SetMaxIdleConns. Connections that are being opened count as in use.
//
// A sql.DB does not report current waiters, holders of connections and hold times, timeouts and peaks, so these metrics
// are absent, and so are findings. Without a limit (SetMaxOpenConns) the metrics of the limit are absent, and those of
// the base size unless [otelpool.WithBaseSize] sets it; its default is the limit. With [Open] all of them exist.
//
// If the sql.DB was created from a [Connector], the durations of its operations are measured too. The options of the
// Connector then apply, and Register must have none. Otherwise the pool's name is "sql.DB" unless
// [otelpool.WithPoolName] sets one, and only options that concern gauges have an effect. If another library wraps the
// Connector, Register does not recognize it.
//
// Register cannot recognize a sql.DB that [stdlib.OpenDBFromPool] created on a pgxpool: use [FromPool] instead.
//
// Register returns an error if the sql.DB is nil, already registered, or created by [Open] or [FromPool], whose pool is
// measured itself. When the sql.DB is closed, call [otelpool.Instrumentation.Unregister] as well, unless it was created
// from a Connector. Register is safe for concurrent use.
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
		return nil, errors.New("otelpool: sql.DB uses a pgxpool: instrument that pool, as Open does")
	case inst != nil && len(opts) > 0:
		return nil, errors.New("otelpool: sql.DB was created from a Connector: pass the options to Connector")
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
			err = errors.New("otelpool: sql.DB was not created by sql.Open or sql.OpenDB, or its driver panics")
		}
	}()
	return db.Driver(), nil
}

// Connector returns a connector for [sql.OpenDB] that measures its connections: the durations of queries, batches,
// copies and dials, and what the options add, such as spans. It works on a copy of the configuration, whose tracer is
// called as before. Call [Register] with the sql.DB to measure its pool; if that is missing after a minute, a line is
// logged.
//
// Options that concern acquires, holds or findings have no effect. Closing the sql.DB ends the measurement. The options
// of package stdlib, such as OptionBeforeConnect, are not supported: a program that needs them can use the hooks of
// [pgxpool.Config] with [OpenWithConfig].
//
// Connector returns an error if the configuration is nil, was not created by [pgx.ParseConfig], is already instrumented
// or has an [otelpool.Sizing]. Use each connector for one sql.DB only. It is safe for concurrent use.
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

// Driver implements driver.Connector. By the driver, Register finds the Instrumentation of the connections.
func (c *ownConnector) Driver() driver.Driver { return c.driver }

// Close implements io.Closer, for sql.DB.Close.
func (c *ownConnector) Close() error { return c.inst.Unregister() }
