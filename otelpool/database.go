package otelpool

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

// database is the built-in pool of a sql.DB. A sql.DB does not report its waiters and holders, so there are only its
// totals, and the operations on its connections if those have hooks. Unknown values are omitted, not 0.
type database struct {
	stats    func() sql.DBStats
	baseSize int64  // 0 if it is the limit of the sql.DB, which may change
	hooks    *hooks // of its connections, nil if they have none
}

// defaultDatabaseName is the name of a sql.DB's pool whose connections have no hooks: its server is not known.
const defaultDatabaseName = "sql.DB"

// Keys of what a sql.DB counts.
var (
	usedConnections = instruments.KeyOf("db.client.connection.count", "used")
	idleConnections = instruments.KeyOf("db.client.connection.count", "idle")
	maxConnections  = instruments.KeyOf("db.client.connection.max")
	poolSize        = instruments.KeyOf("pgxpool.size")
	overflow        = instruments.KeyOf("pgxpool.overflow")
	overflowMax     = instruments.KeyOf("pgxpool.overflow.max")
	acquireWaits    = instruments.KeyOf("pgxpool.acquire.waits")
	queueTime       = instruments.KeyOf("pgxpool.acquire.phase_time", "queue")
	closedLifetime  = instruments.KeyOf("pgxpool.connections.closed", "lifetime")
	closedIdle      = instruments.KeyOf("pgxpool.connections.closed", "idle")
	closedOverflow  = instruments.KeyOf("pgxpool.connections.closed", "overflow")
)

// read sets the values of the pool.
func (d *database) read(v *instruments.Values) {
	s := d.stats()
	used, limit := int64(s.InUse), int64(s.MaxOpenConnections)
	v.Set(usedConnections, used)
	v.Set(idleConnections, int64(s.Idle))
	if limit > 0 {
		v.Set(maxConnections, limit)
	}
	if size := d.size(limit); size > 0 {
		v.Set(poolSize, size)
		v.Set(overflow, max(0, used-size))
		if limit > 0 {
			v.Set(overflowMax, max(0, limit-size))
		}
	}
	v.Set(acquireWaits, s.WaitCount)
	v.Set(queueTime, int64(s.WaitDuration))
	v.Set(closedLifetime, s.MaxLifetimeClosed)
	v.Set(closedIdle, s.MaxIdleTimeClosed)
	v.Set(closedOverflow, s.MaxIdleClosed)
	if d.hooks != nil {
		d.hooks.live.Store(true)
		v.Set(openedKey, d.hooks.dials.count.Load())
		v.Set(operationsCapped, d.hooks.counters.Get(operationsCapped))
		d.hooks.counters.AddOpenTo(v)
	}
}

// size returns the base size, 0 if there is none.
func (d *database) size(limit int64) int64 {
	if d.baseSize > 0 {
		return d.baseSize
	}
	return limit
}

// report sets the known fields of a Report on the pool.
func (d *database) report(r *diagnose.Report) {
	s := d.stats()
	limit := int64(s.MaxOpenConnections)
	r.Used, r.Idle = int64(s.InUse), int64(s.Idle)
	r.Settings = diagnose.Settings{BaseSize: d.size(limit), MaxConns: limit}
}

// instrumentConn puts hooks into the configuration of a sql.DB's connections.
func instrumentConn(connConfig *pgx.ConnConfig, opts []Option) (*Instrumentation, error) {
	switch {
	case connConfig == nil:
		return nil, errors.New("otelpool: configuration is nil")
	case !parsed(connConfig):
		return nil, errors.New("otelpool: configuration was not created by pgx.ParseConfig")
	}
	if _, instrumented := tracerchain.Find[*hooks](connConfig.Tracer); instrumented {
		return nil, errors.New("otelpool: configuration is already instrumented: copy it before Connector, and call Connector once for each sql.DB")
	}
	if _, sized := resize.PoolSize(&pgxpool.Config{ConnConfig: connConfig}); sized {
		return nil, errors.New("otelpool: configuration has a Sizing, which has no effect on a sql.DB's own pool: use SetMaxOpenConns, or sqldb.OpenWithConfig")
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	h, err := makeHooks(c, &pgxpool.Config{ConnConfig: connConfig}, 0)
	if err != nil {
		return nil, err
	}
	installConn(connConfig, h)
	return &Instrumentation{config: c, hooks: h}, nil
}

// registerDB measures the pool of a sql.DB.
func registerDB(db *sql.DB, opts []Option) (*Instrumentation, error) {
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	inst := &Instrumentation{config: c}
	if err := inst.registerDB(db); err != nil {
		return nil, err
	}
	return inst, nil
}

func (i *Instrumentation) registerDB(db *sql.DB) error {
	if i.config.baseSizeSet && i.config.baseSize < 1 {
		return fmt.Errorf("otelpool: base size %d is below 1", i.config.baseSize)
	}
	err := i.register(func() (*observed, *observer, error) { return i.observeDB(db) })
	if err == nil && i.hooks != nil {
		i.hooks.registered.Store(true)
	}
	return err
}

func (i *Instrumentation) observeDB(db *sql.DB) (*observed, *observer, error) {
	set := i.poolSet(defaultDatabaseName)
	d := &database{stats: db.Stats, baseSize: int64(i.config.baseSize), hooks: i.hooks}
	return i.add(set, &observed{pool: db, database: d, name: nameIn(set)})
}
