// Package sibling lets other packages of this module use parts of otelpool that are not in its API. Package otelpool
// sets its variables.
package sibling

import (
	"database/sql"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Warn logs a line about a pool to the pool's logger, or to slog.Default if the pool is not instrumented.
var Warn func(pool *pgxpool.Pool, message, advice string)

// These are for package sqldb. inst is an *otelpool.Instrumentation and opts are []otelpool.Option, which this package cannot
// import.
var (
	// InstrumentConn puts hooks into the configuration of a sql.DB's connections.
	InstrumentConn func(config *pgx.ConnConfig, opts any) (inst any, err error)

	// RegisterDB measures the pool of a sql.DB whose connections have no hooks.
	RegisterDB func(db *sql.DB, opts any) (inst any, err error)

	// RegisterWith measures the pool of a sql.DB whose connections have the hooks of an InstrumentConn.
	RegisterWith func(inst any, db *sql.DB) error
)
