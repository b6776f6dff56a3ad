package otelpool

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// Option changes how a pool is instrumented. A nil Option is ignored.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithMeterProvider sets the MeterProvider to whose readers the pool is reported. The default, also for nil, is the
// global one, [otel.GetMeterProvider], which the program may set later.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return optionFunc(func(c config) config {
		if provider != nil {
			c.provider = provider
		}
		return c
	})
}

// WithPoolName sets db.client.connection.pool.name, the label pool at the Prometheus edge. The default is
// "host:port/database" of the pool's configuration, as the semantic conventions recommend. An empty name is an error; one of
// more than 255 bytes is cut.
//
// Pools of one MeterProvider that have the same name and attributes are reported as one pool. Their values are added. If
// they only share the default name, that is logged once.
func WithPoolName(name string) Option {
	return optionFunc(func(c config) config {
		c.poolName, c.poolNameSet = name, true
		return c
	})
}

// WithAttributes adds attributes to every measurement of the pool. Several options add up; of two values for one key the
// last wins. The values must be of low cardinality, because they multiply the series.
//
// It is an error if a key is empty, is set by otelpool itself, or collides with a label of Prometheus (such as job,
// instance and le) or of the bridge, also after dots became underscores; if two keys become one label; if a key or a
// value is not valid UTF-8; and if a value is not a bool, a number, a string or a slice of those.
func WithAttributes(attributes ...attribute.KeyValue) Option {
	attributes = slices.Clone(attributes)
	return optionFunc(func(c config) config {
		c.attributes = slices.Concat(c.attributes, attributes)
		return c
	})
}

// WithBaseSize sets the base size of the pool, pgxpool.size: the connections that it needs in normal times. Connections
// in use beyond it are pgxpool.overflow, at most MaxConns minus the base size. The default is the PoolSize of a [Sizing]
// that was applied, else MaxConns, so that overflow is always 0. A size below 1 or above MaxConns is an error.
//
// The option only divides MaxConns for reporting. A Sizing changes how the pool behaves.
func WithBaseSize(size int) Option {
	return optionFunc(func(c config) config {
		c.baseSize, c.baseSizeSet = size, true
		return c
	})
}

// WithOperationName sets a function that names the operations that [WithOperation] does not name. It receives the context
// of the call and the SQL text, and returns a name of low cardinality. For "" the name is that of the sqlc comment, else the
// summary of the text (see [Summary]). For CopyFrom the text is "COPY table", for a prepared statement of more than 1 KiB
// its beginning. The function is called for every query, also for those of a batch (once for equal texts in a row), on the
// caller's goroutine. So it must be fast, must not use the pool, and must be safe for concurrent use. If it panics, the
// operation is recorded as [OtherOperation] and the caller's call goes on. A nil function is the default.
func WithOperationName(name func(ctx context.Context, sql string) string) Option {
	return optionFunc(func(c config) config {
		c.operationName = name
		return c
	})
}

// WithOperationLimit sets how many distinct names of each source the pool records: names of operations that people chose (by
// [WithOperation], [WithOperationName] or a sqlc comment), summaries of texts (with PREPARE of either), and names of scopes
// ([WithScope]). The default is 200 of each, so that summaries of generated texts never replace a chosen name. Operations
// and holds with further names are recorded as [OtherOperation], and pgxpool.operations.capped counts them. A limit below 1
// or above 10000 is an error. From about 600 on, the SDK's own limit of 2000 attribute sets may be reached: see
// WithCardinalityLimit of the MeterProvider's package.
func WithOperationLimit(limit int) Option {
	return optionFunc(func(c config) config {
		c.operationLimit = limit
		return c
	})
}

// WithServerAttributes adds db.namespace, server.address and, if it is not 5432, server.port to
// db.client.operation.duration and db.client.response.returned_rows. Their values are the configuration's, even if a
// BeforeConnect hook changes the host or a fallback host is used. db.namespace is the database alone, because the schema
// of a query is not known. They are off by default: the pool's name says the same, and each attribute costs something in
// every record and every scrape.
func WithServerAttributes() Option {
	return optionFunc(func(c config) config {
		c.serverAttributes = true
		return c
	})
}

// WithReturnedRows turns on db.client.response.returned_rows, a histogram of the rows that SELECT statements returned.
func WithReturnedRows() Option {
	return optionFunc(func(c config) config {
		c.returnedRows = true
		return c
	})
}

// WithPeakWindow sets the window of pgxpool.peak and pgxpool.pending.peak, which show the largest value of the current
// and the previous window. Every reader whose interval is no longer than the window sees every spike, however short. The
// default is 60 s. A window below a second or above a day is an error.
func WithPeakWindow(window time.Duration) Option {
	return optionFunc(func(c config) config {
		c.peakWindow = window
		return c
	})
}

// WithLongHold turns on the search for connections that are held for longer than the threshold: leaks, and work that
// should be done without a connection. 60 s is a good start. Such a hold is logged soon after it passes the threshold and
// again when it ends, with pool, age, the unit of work ([Hold].Operation), the query that runs or ran last, the trace, and
// the stack that acquired it. pgxpool.long_holds counts them, and [Instrumentation.Held] shows the stacks of all holds.
//
// Keeping the stacks costs some 0.4 microseconds an acquire, see [WithoutStacks]: a stack has the function that
// acquired and three callers. Where a hold was long, later stacks have all callers, which costs one or two microseconds. A
// threshold below a millisecond, such as 60 without a unit, is an error; leave the option out to turn the search off.
func WithLongHold(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.longHold, c.longHoldSet = threshold, true
		return c
	})
}

// WithoutStacks makes [WithLongHold] work without the stacks that acquired the connections.
func WithoutStacks() Option {
	return optionFunc(func(c config) config {
		c.withoutStacks = true
		return c
	})
}

// WithStackSkip names packages of libraries by which the program calls pgxpool, such as a package db of its own or the code
// that ent generated: "acme.com/shop/ent". Stacks of [WithLongHold], by which holds are grouped, begin after the functions
// of these packages and of those below them, at the code that is to blame. The packages of pgx, database/sql, GORM and its
// drivers, ent, bun, sqlx, River and goose are always left out at the beginning, never further out. A stack that has
// nothing else is shown whole. Several options add up.
func WithStackSkip(packages ...string) Option {
	packages = slices.Clone(packages)
	return optionFunc(func(c config) config {
		c.stackSkip = slices.Concat(c.stackSkip, packages)
		return c
	})
}

// WithSlowAcquire sets how long an acquire may take before it is logged what is wrong with the pool. The default is a second,
// and 0 turns it off. A line is due when a caller has waited for longer (also while it still waits), when an acquire took
// longer, and when one timed out, but at most once a minute and pool. It has the first of the findings of package diagnose
// (kind, operation, summary and advice), the state of the pool, and the three units of work that hold most connections, with
// what they do.
//
// The pool is looked at when it happens, on another goroutine than the caller's, and then once a second until the reason
// shows, at most ten seconds. Callers who wait are looked for once a second. Without any reader of metrics there is a line
// only if the option was given, as with [WithLongHold]. There is none for a pool without hooks, before Register, and after
// Unregister. A threshold below 0 is an error, and so is one below a millisecond, such as 1 without a unit.
func WithSlowAcquire(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.slowAcquire, c.slowAcquireSet = threshold, true
		return c
	})
}

// WithoutFindings turns off pgxpool.finding, which shows what is wrong with the pool. Lines of [WithSlowAcquire] and
// [AcquireTimeoutError] still say it.
func WithoutFindings() Option {
	return optionFunc(func(c config) config {
		c.withoutFindings = true
		return c
	})
}

// WithLogger sets the logger. It gets, at level Warn, misuse of the pool (long holds, connections released in a transaction
// or busy, nested acquires that wait), slow acquires, queries of [WithSlowQuery], and the first of the dials that fail in a
// row, with what the server or the network said: no password and no setting of the connection string. What was forgotten is
// logged once: Register, a name of its own for each pool, an Instrument for each pool. The default, also for nil, is
// slog.Default at the time of the line. The logger is called on a goroutine of its own, so one that is slow or blocks delays
// no caller. Up to 64 lines wait for it; further ones are dropped and counted. A panic of the logger is ignored.
func WithLogger(logger *slog.Logger) Option {
	return optionFunc(func(c config) config {
		c.logger = logger
		return c
	})
}
