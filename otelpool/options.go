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

// WithMeterProvider sets the MeterProvider that records the measurements. The default, also for nil, is the global one,
// [otel.GetMeterProvider], which the program may set later.
func WithMeterProvider(provider metric.MeterProvider) Option {
	return optionFunc(func(c config) config {
		if provider != nil {
			c.provider = provider
		}
		return c
	})
}

// WithPoolName sets db.client.connection.pool.name, the label pool at the Prometheus edge. The default is
// "host:port/database" of the pool's configuration, as the semantic conventions recommend. An empty name is an error; a
// name of more than 255 bytes is cut.
//
// Pools of one MeterProvider that have the same name and attributes are reported as one pool, with their values added.
// If that name is the default, this is logged once.
func WithPoolName(name string) Option {
	return optionFunc(func(c config) config {
		c.poolName, c.poolNameSet = name, true
		return c
	})
}

// WithAttributes adds attributes to every measurement of the pool. Repeated options add up; the last value of a key
// wins. The values must be of low cardinality, because they multiply the series.
//
// It is an error if a key has no letters or digits, is set by otelpool itself, or, with dots replaced by underscores,
// collides with a label of Prometheus (such as job, instance and le) or of the bridge; if two keys become the same
// label; if a key or a value is not valid UTF-8; and if a value is not a bool, a number, a string or a slice of these.
func WithAttributes(attributes ...attribute.KeyValue) Option {
	attributes = slices.Clone(attributes)
	return optionFunc(func(c config) config {
		c.attributes = slices.Concat(c.attributes, attributes)
		return c
	})
}

// WithBaseSize sets the base size of the pool, pgxpool.size: the number of connections that its normal load needs.
// Connections in use beyond it are pgxpool.overflow, at most MaxConns minus the base size. The default is the PoolSize
// of an applied [Sizing], else MaxConns, so that overflow is always 0. A size below 1 or above MaxConns is an error.
//
// The option only affects what is reported. A Sizing also changes how the pool behaves.
func WithBaseSize(size int) Option {
	return optionFunc(func(c config) config {
		c.baseSize, c.baseSizeSet = size, true
		return c
	})
}

// WithOperationName sets a function that names the operations that [WithOperation] does not name. The function receives
// the context of the call and the SQL text, and returns a name of low cardinality. If it returns "", the operation has
// the name of its sqlc comment, else the summary of its text (see [Summary]). For CopyFrom the text is "COPY table"; a
// prepared statement of more than 1 KiB is cut. The function is called on the caller's goroutine, for every query,
// including those of a batch (once for consecutive equal texts). So it must be fast, must not use the pool, and must be
// safe for concurrent use. If it panics, the operation is recorded as [OtherOperation] and the caller's call continues.
// By default, and with nil, there is no such function.
func WithOperationName(name func(ctx context.Context, sql string) string) Option {
	return optionFunc(func(c config) config {
		c.operationName = name
		return c
	})
}

// WithOperationLimit sets how many distinct names the pool records from each source: chosen names of operations (by
// [WithOperation], [WithOperationName] or a sqlc comment), summaries of texts (and PREPARE of either), and names of
// scopes ([WithScope]). The default is 200 each; the limits are separate so that summaries of generated texts cannot
// displace a chosen name. Operations and holds with further names are recorded as [OtherOperation] and counted by
// pgxpool.operations.capped. A limit below 1 or above 10000 is an error. From about 600 on, the SDK's own limit of 2000
// attribute sets may be reached: see WithCardinalityLimit of package go.opentelemetry.io/otel/sdk/metric.
func WithOperationLimit(limit int) Option {
	return optionFunc(func(c config) config {
		c.operationLimit = limit
		return c
	})
}

// WithServerAttributes adds db.namespace, server.address and, if it is not 5432, server.port to
// db.client.operation.duration and db.client.response.returned_rows. Their values come from the configuration, even if
// a BeforeConnect hook changes the host or a fallback host is used. db.namespace is only the database, because the
// schema of a query is not known. These attributes are off by default: the default pool name has the same information,
// and each attribute adds to the cost of every record and every scrape.
func WithServerAttributes() Option {
	return optionFunc(func(c config) config {
		c.serverAttributes = true
		return c
	})
}

// WithReturnedRows turns on db.client.response.returned_rows, a histogram of the number of rows that a SELECT returns.
func WithReturnedRows() Option {
	return optionFunc(func(c config) config {
		c.returnedRows = true
		return c
	})
}

// WithPeakWindow sets the window of pgxpool.peak and pgxpool.pending.peak, which are the largest values of the current
// and the previous window. A reader whose interval is at most the window sees every spike, however short. The default
// is 60 s. A window below a second or above a day is an error.
func WithPeakWindow(window time.Duration) Option {
	return optionFunc(func(c config) config {
		c.peakWindow = window
		return c
	})
}

// WithLongHold turns on the detection of connections that are held longer than the threshold: leaks, and work that
// should be done without a connection. A good first value is 60 s. Such a hold is logged soon after it exceeds the
// threshold, and again when it ends, with the pool, the age, the unit of work ([Hold].Operation), the current or last
// query, the trace, and the stack that acquired the connection. pgxpool.long_holds counts these holds, and
// [Instrumentation.Held] has the stacks of all holds.
//
// Keeping the stacks costs about 0.4 microseconds per acquire, see [WithoutStacks]: a stack has the function that
// acquired and three callers. After a long hold, later stacks from the same place have all callers, which costs one or
// two microseconds. A threshold below a millisecond, such as 60 without a unit, is an error. By default long holds are
// not detected.
func WithLongHold(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.longHold, c.longHoldSet = threshold, true
		return c
	})
}

// WithoutStacks makes [WithLongHold] work without keeping the stacks that acquired the connections.
func WithoutStacks() Option {
	return optionFunc(func(c config) config {
		c.withoutStacks = true
		return c
	})
}

// WithStackSkip names packages through which the program calls pgxpool, such as its own database package or code
// generated by ent: "acme.com/shop/ent". Stacks of [WithLongHold], by which holds are grouped, begin after the
// innermost functions of these packages and of packages below them, at the code that is responsible. The packages of
// pgx, database/sql, GORM and its drivers, ent, bun, sqlx, River and goose are always skipped. A stack that has nothing
// else is shown whole. Repeated options add up.
func WithStackSkip(packages ...string) Option {
	packages = slices.Clone(packages)
	return optionFunc(func(c config) config {
		c.stackSkip = slices.Concat(c.stackSkip, packages)
		return c
	})
}

// WithSlowAcquire sets how long an acquire may take before a log line says what is wrong with the pool. The default is
// a second, and 0 turns the line off. It is logged when an acquire takes longer, even before it ends, and when an
// acquire times out, but at most once a minute for each pool. The line has the first finding of package diagnose (kind,
// operation, summary and advice), the state of the pool, and the three units of work that hold the most connections,
// with what they are doing.
//
// The pool is examined immediately, on another goroutine, and then once a second until the cause is found, for at most
// ten seconds. Waiting callers are checked once a second. If no reader collects metrics, there is a line only if this
// option is used. There is none for a pool without hooks, before Register, and after Unregister. A threshold below 0 is
// an error, and so is one above 0 and below a millisecond, such as 1 without a unit.
func WithSlowAcquire(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.slowAcquire, c.slowAcquireSet = threshold, true
		return c
	})
}

// WithoutFindings turns off the metric pgxpool.finding. The lines of [WithSlowAcquire] and [AcquireTimeoutError] still
// have findings.
func WithoutFindings() Option {
	return optionFunc(func(c config) config {
		c.withoutFindings = true
		return c
	})
}

// WithLogger sets the logger. At level Warn it receives misuse of the pool (long holds, connections released in a
// transaction or busy, nested acquires that wait), slow acquires, and queries of [WithSlowQuery]. It also receives the
// first of several dials that fail in a row, with the reason that the server or the network reported, but with no
// password and no setting of the connection string. Mistakes in the set-up are logged once: a missing Register, several
// pools with the default name, one Instrument for several pools. The default, also for nil, is slog.Default at the time
// of the line. The logger is called on its own goroutine, so a slow or blocked logger delays no caller. Up to 64 lines
// wait for it; further lines are dropped and counted. A panic of the logger is ignored.
func WithLogger(logger *slog.Logger) Option {
	return optionFunc(func(c config) config {
		c.logger = logger
		return c
	})
}
