// Package sqldb measures a [sql.DB], for database/sql and the libraries that are built on it: GORM, ent, bun, sqlx.
// [Open] makes one on an instrumented pgxpool, which is measured whole. [Register] measures the pool that a sql.DB
// has of its own, as far as that says anything, and [Connector] the durations of what runs on its connections.
//
// Under Open, pgxpool does the pooling, and what otelpool measures is true: the sql.DB keeps no idle connection, so
// each query, transaction and [sql.Conn] acquires a connection of the pool and gives it back when it ends, and it
// has no limit, so callers wait in the pool alone. Do not call [sql.DB.SetMaxIdleConns], [sql.DB.SetMaxOpenConns] or
// [sql.DB.SetConnMaxLifetime]; the pool's configuration or an [otelpool.Sizing] says the same. What the first two
// make wrong is logged once, when it is noticed.
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

// Open makes an instrumented pool of a connection string, as [otelpool.New] does, and a sql.DB on it. Like
// [sql.Open] it does not wait for a connection. Set pool_max_conns in the string: a sql.DB has no limit by default,
// but a pgxpool has the larger of four connections and the number of CPUs.
//
// Close of the sql.DB closes the pool as well and calls [otelpool.Instrumentation.Unregister]. It waits up to ten
// seconds for connections that are in use, because rows or transactions are open; it then returns an error that says
// how many are left, and the pool closes when the last of them ends.
func Open(ctx context.Context, connString string, opts ...otelpool.Option) (*sql.DB, *otelpool.Instrumentation, error) {
	pool, inst, err := otelpool.New(ctx, connString, opts...)
	if err != nil {
		return nil, nil, err
	}
	return open(&connector{pool: pool, inst: inst}), inst, nil
}

// OpenDB is Open for a caller that hands the sql.DB to a library, such as GORM, and leaves errors to that: where Open
// would return an error, each use of the sql.DB does. Like [stdlib.OpenDB] it returns the sql.DB alone.
func OpenDB(ctx context.Context, connString string, opts ...otelpool.Option) *sql.DB {
	db, _, err := Open(ctx, connString, opts...)
	if err != nil {
		return open(&connector{err: err})
	}
	return db
}

// OpenWithConfig is Open for a configuration, to which a [otelpool.Sizing] may have been applied. It works on a
// copy, as [otelpool.NewWithConfig] does.
func OpenWithConfig(ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option) (*sql.DB, *otelpool.Instrumentation, error) {
	pool, inst, err := otelpool.NewWithConfig(ctx, config, opts...)
	if err != nil {
		return nil, nil, err
	}
	return open(&connector{pool: pool, inst: inst}), inst, nil
}

// FromPool makes a sql.DB on a pool, which should be instrumented. Close of the sql.DB does not close the pool. If
// the pool is nil, the sql.DB returns an error whenever it is used.
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

// Connect implements driver.Connector. Now and then it looks for a limit of the sql.DB, which has no event.
func (c *connector) Connect(ctx context.Context) (driver.Conn, error) {
	if c.err != nil {
		return nil, c.err
	}
	if c.connects.Add(1)%64 == 1 && c.limited() {
		c.limits.Do(func() {
			sibling.Warn(c.pool, "sql.DB limits its connections: callers wait there, and the pool's waiting times and sizes leave that out",
				"do not call SetMaxOpenConns; set pool_max_conns, or a Sizing")
		})
	}
	return c.Connector.Connect(ctx)
}

func (c *connector) limited() bool {
	db := c.db.Load()
	return db != nil && db.Stats().MaxOpenConnections > 0
}

// reused is called when the sql.DB uses a connection again that it has kept, or that it hands to a caller who waits
// at its limit.
func (c *connector) reused(context.Context, *pgx.Conn) error {
	if c.limited() {
		return nil
	}
	c.keepsIdle.Do(func() {
		sibling.Warn(c.pool, "sql.DB keeps idle connections: the pool counts them as in use, and holds are too long and have the wrong names",
			"do not call SetMaxIdleConns; the pool keeps idle connections itself")
	})
	return nil
}

// Driver implements driver.Connector. It says to Register that the pool is a pgxpool.
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
		left = fmt.Errorf("otelpool: connections still in use after %v: %d: close rows, transactions and connections before the sql.DB",
			closeTimeout, c.pool.Stat().AcquiredConns())
	}
	return errors.Join(left, c.inst.Unregister())
}
