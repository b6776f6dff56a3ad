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

// WithMeterProvider sets the MeterProvider whose readers the pool is reported to. The default, also for nil, is the
// global one at the time of the call, [otel.GetMeterProvider]; that one may be set later by the program.
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
// Pools of one MeterProvider that have the same name and attributes are reported as one pool, their values added.
func WithPoolName(name string) Option {
	return optionFunc(func(c config) config {
		c.poolName, c.poolNameSet = name, true
		return c
	})
}

// WithAttributes adds attributes to every measurement of the pool. Options add up; of two values for one key the last
// wins. Their values must be of low cardinality: they multiply the series. A key that otelpool sets itself, one that
// would collide with a label that Prometheus or the bridge makes, also after the bridge has replaced dots by underscores,
// an empty key, what is not valid UTF-8, and a value other than a bool, a number, a string or a slice of those is an error.
func WithAttributes(attributes ...attribute.KeyValue) Option {
	attributes = slices.Clone(attributes)
	return optionFunc(func(c config) config {
		c.attributes = slices.Concat(c.attributes, attributes)
		return c
	})
}

// WithBaseSize sets the base size of the pool, pgxpool.size: the connections it is meant to need in normal times.
// What is in use beyond it is pgxpool.overflow, at most MaxConns minus the base size. The default is the PoolSize of a
// [Sizing] that was applied, else MaxConns, so that overflow is always 0. A size below 1 or above MaxConns is an error.
//
// The option only divides MaxConns for reporting; it is Sizing that changes how the pool behaves.
func WithBaseSize(size int) Option {
	return optionFunc(func(c config) config {
		c.baseSize, c.baseSizeSet = size, true
		return c
	})
}

// WithOperationName replaces the rule by which operations are named (see [WithOperation]). The function gets the
// context of the call and the SQL text, for CopyFrom "COPY table", and returns a name of low cardinality. For "" the
// usual rule applies. It is called for every query, and for those of a batch (once for equal texts in a row), on the
// caller's goroutine, so it must be fast, must not use the pool, and must be safe for concurrent use. If it panics the operation is recorded as
// [OtherOperation] and the caller is not disturbed. A nil function is the default.
func WithOperationName(name func(ctx context.Context, sql string) string) Option {
	return optionFunc(func(c config) config {
		c.operationName = name
		return c
	})
}

// WithOperationLimit sets how many distinct operation names the pool records; the default is 200. The operations that
// come after are recorded as [OtherOperation], and pgxpool.operations.capped counts them. A limit below 1 or above
// 10000 is an error. Above some 1000 the SDK's own limit of 2000 attribute sets is in reach: see
// sdk/metric.WithCardinalityLimit.
func WithOperationLimit(limit int) Option {
	return optionFunc(func(c config) config {
		c.operationLimit = limit
		return c
	})
}

// WithServerAttributes adds db.namespace, server.address and, if it is not 5432, server.port to
// db.client.operation.duration and db.client.response.returned_rows. They are those of the configuration: a
// BeforeConnect hook that changes them, or a fallback host, is not followed. db.namespace is the database alone, since
// the schema of a query is not known. They are off by default: they say what the pool's name says, and each attribute
// has its price in every record and every scrape.
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

// WithPeakWindow sets the window of pgxpool.peak and pgxpool.pending.peak: they show the largest value of the current and
// the previous window. A reader whose interval is no longer than the window sees every spike, however short; several
// readers all see it. The default is 60 s; below a second or above a day is an error.
func WithPeakWindow(window time.Duration) Option {
	return optionFunc(func(c config) config {
		c.peakWindow = window
		return c
	})
}

// WithLongHold turns on the search for connections that are held for longer than the threshold: leaks, and work that
// should be done without a connection. 60 s is a good start. Such a hold is logged once while it lasts, soon after it
// passed the threshold, and once more when it ends: with pool, age, the operation that the caller named, the query that
// runs or ran last, the trace, and the stack that acquired it. pgxpool.long_holds counts them, and
// [Instrumentation.Held] shows the stacks of all holds.
//
// Keeping the stacks costs somewhat below a microsecond an acquire, see [WithoutStacks]. A threshold of 0 or less is an
// error; leave the option out to turn the search off.
func WithLongHold(threshold time.Duration) Option {
	return optionFunc(func(c config) config {
		c.longHold, c.longHoldSet = threshold, true
		return c
	})
}

// WithoutStacks keeps [WithLongHold] from keeping the stacks of those who acquire.
func WithoutStacks() Option {
	return optionFunc(func(c config) config {
		c.withoutStacks = true
		return c
	})
}

// WithLogger sets where misuse of the pool is reported, at level Warn: long holds, connections released in a transaction
// or busy, and nested acquires that wait. The default, also for nil, is slog.Default at the time of the report. Reports
// are handed over on a goroutine of their own: a logger that is slow or blocks delays nobody, and when it does, reports
// beyond the 64th are dropped and counted; the panic of a logger is swallowed.
func WithLogger(logger *slog.Logger) Option {
	return optionFunc(func(c config) config {
		c.logger = logger
		return c
	})
}
