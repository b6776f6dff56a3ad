// Package sqldb measures a [sql.DB], for database/sql and the libraries that are built on it: GORM, ent, bun, sqlx.
// [Open] creates one on an instrumented pgxpool, with all its metrics. [Register] measures the built-in pool of a
// sql.DB, as far as [sql.DB.Stats] allows, and [Connector] the durations of the operations on its connections.
//
// With Open, only pgxpool does the pooling. The sql.DB keeps no idle connections, so each query, transaction and
// [sql.Conn] acquires a connection of the pool and releases it at its end. It has no limit, so callers wait only in the
// pool. Do not call [sql.DB.SetMaxIdleConns], [sql.DB.SetMaxOpenConns] or [sql.DB.SetConnMaxLifetime]: set the same in
// the pool's configuration or an [otelpool.Sizing]. The first two make measurements wrong; that is logged once, when it
// is noticed.
package sqldb

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/otelpool/otelpool-go/otelpool"
	"github.com/otelpool/otelpool-go/otelpool/internal/sibling"
)

// closeTimeout is how long Close waits for connections that are in use.
const closeTimeout = 10 * time.Second

// Open creates an instrumented pool from a connection string, as [otelpool.New] does, and a sql.DB on it. Like
// [sql.Open], it does not wait for a connection. Set pool_max_conns in the string: by default a sql.DB has no limit,
// but a pgxpool is limited to four connections or the number of CPUs, whichever is larger.
//
// Closing the sql.DB also closes the pool and calls [otelpool.Instrumentation.Unregister]. Close waits up to ten
// seconds for connections with open rows or transactions. It then returns an error with the number of connections still
// in use, and the pool closes when the last of them is released.
func Open(ctx context.Context, connString string, opts ...otelpool.Option) (*sql.DB, *otelpool.Instrumentation, error) {
	pool, inst, err := otelpool.New(ctx, connString, opts...)
	if err != nil {
		return nil, nil, err
	}
	return open(&connector{pool: pool, inst: inst}), inst, nil
}

// OpenDB is like [Open] but returns only the sql.DB, as [stdlib.OpenDB] does, for callers that pass it to a library
// such as GORM. Where Open would return an error, each use of the sql.DB returns it instead.
func OpenDB(ctx context.Context, connString string, opts ...otelpool.Option) *sql.DB {
	db, _, err := Open(ctx, connString, opts...)
	if err != nil {
		return open(&connector{err: err})
	}
	return db
}

// OpenWithConfig is like [Open] but takes a configuration, to which an [otelpool.Sizing] may have been applied. It
// works on a copy, as [otelpool.NewWithConfig] does.
func OpenWithConfig(ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option) (*sql.DB, *otelpool.Instrumentation, error) {
	pool, inst, err := otelpool.NewWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	return open(&connector{pool: pool, inst: inst}), inst, nil
}

// FromPool creates a sql.DB on a pool, which should be instrumented. Closing the sql.DB does not close the pool. If the
// pool is nil, each use of the sql.DB returns an error.
func FromPool(pool *pgxpool.Pool) *sql.DB {
	c := &connector{pool: pool}
	if pool == nil {
		c.err = errors.New("otelpool: pool of the sql.DB is nil")
	}
	return open(c)
}

func open(c *connector) *sql.DB {
	c.driver = newDriver(maker{onPool: true})
	c.Connector = stdlib.GetPoolConnector(c.pool, stdlib.OptionResetSession(c.reused))
	db := sql.OpenDB(c)
	db.SetMaxIdleConns(0)
	c.db.Store(db)
	return db
}

// connector acquires connections of the pool for a sql.DB. It is safe for concurrent use.
type connector struct {
	driver.Connector
	driver *stdlib.Driver
	pool   *pgxpool.Pool
	err    error                     // of each Connect, instead of a connection
	inst   *otelpool.Instrumentation // nil if the pool is not ours to close
	db     atomic.Pointer[sql.DB]

	connects          atomic.Uint32
	keepsIdle, limits sync.Once
}

// Connect implements driver.Connector. Every 64th call checks whether the sql.DB has a limit, because no event reports
// one.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.connects.Add(1)%64 == 1 && c.limited() {
		c.limits.Do(func() {
			sibling.Warn(c.pool, "sql.DB limits its connections: callers wait in the sql.DB, which the pool's wait times and sizes do not include",
				"do not call SetMaxOpenConns; set pool_max_conns, or a Sizing")
		})
	}
	return c.Connector.Connect(ctx)
}

func (c *connector) limited() bool {
	db := c.db.Load()
	return db != nil && db.Stats().MaxOpenConnections > 0
}

// reused is called when the sql.DB reuses a connection: one that it kept idle, or one that it passes to a caller
// waiting at its limit.
func (c *connector) reused(context.Context, *pgx.Conn) error {
	if c.limited() {
		return nil
	}
	c.keepsIdle.Do(func() {
		sibling.Warn(c.pool, "sql.DB keeps idle connections: the pool counts them as in use, and hold times are too long and attributed to the wrong units of work",
			"do not call SetMaxIdleConns; the pool keeps idle connections itself")
	})
	return nil
}

// Driver implements driver.Connector. By the driver, Register recognizes that the pool is a pgxpool.
func (c *connector) Driver() driver.Driver { return c.driver }

// Close implements io.Closer, for sql.DB.Close.
func (c *connector) Close() error {
	if c.inst == nil {
		return nil
	}
	closed := make(chan struct{})
	go func() { c.pool.Close(); close(closed) }()
	timeout := time.NewTimer(closeTimeout)
	defer timeout.Stop()
	var left error
	select {
	case <-closed:
	case <-timeout.C:
		left = fmt.Errorf("otelpool: after %[1]v, %[2]d connections are still in use: close rows, transactions and connections before the sql.DB",
			closeTimeout, c.pool.Stat().AcquiredConns())
	}
	return errors.Join(left, c.inst.Unregister())
}
