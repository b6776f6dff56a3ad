package otelpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
)

// defaultOperationLimit is how many distinct operation names a pool records before the rest becomes [OtherOperation].
// With it, and with maxFailureSeries, one pool stays below the 2000 attribute sets that the SDK keeps of an instrument.
const defaultOperationLimit = 200

const defaultPeakWindow = time.Minute

// maxOperationLimit keeps the limit itself from being the way to unbounded memory.
const maxOperationLimit = 10_000

// config is what the options of one pool add up to.
type config struct {
	provider         metric.MeterProvider
	poolName         string
	poolNameSet      bool
	attributes       []attribute.KeyValue
	baseSize         int
	baseSizeSet      bool
	operationName    func(ctx context.Context, sql string) string
	operationLimit   int
	serverAttributes bool
	returnedRows     bool
	peakWindow       time.Duration
	longHold         time.Duration
	longHoldSet      bool
	withoutStacks    bool
	logger           *slog.Logger
}

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

// newConfig applies the options to the defaults and checks what can be checked without a pool.
func newConfig(opts []Option) (config, error) {
	c := config{operationLimit: defaultOperationLimit, peakWindow: defaultPeakWindow}
	for _, o := range opts {
		if o != nil {
			c = o.apply(c)
		}
	}
	if c.provider == nil {
		c.provider = otel.GetMeterProvider()
	}
	var errs []error
	if c.poolNameSet && c.poolName == "" {
		errs = append(errs, errors.New("otelpool: pool name is empty: give one, or leave WithPoolName out for host:port/database"))
	}
	if c.operationLimit < 1 || c.operationLimit > maxOperationLimit {
		errs = append(errs, fmt.Errorf("otelpool: operation limit %d is not between 1 and %d", c.operationLimit, maxOperationLimit))
	}
	if c.peakWindow < time.Second || c.peakWindow > 24*time.Hour {
		errs = append(errs, fmt.Errorf("otelpool: peak window %v is not between 1s and 24h", c.peakWindow))
	}
	if c.longHoldSet && c.longHold <= 0 {
		errs = append(errs, fmt.Errorf("otelpool: long hold threshold %v is not above 0: leave WithLongHold out to turn it off", c.longHold))
	}
	return c, errors.Join(append(errs, c.checkAttributes()...)...)
}

// checkAttributes finds the user's attributes that cannot be recorded beside ours.
func (c config) checkAttributes() []error {
	var errs []error
	for _, kv := range c.attributes {
		label := labelOf(kv.Key)
		switch {
		case strings.Trim(label, "_") == "":
			errs = append(errs, fmt.Errorf("otelpool: attribute %q has a key without letters", string(kv.Key)))
		case kv.Value.Type() == attribute.EMPTY, kv.Value.Type() > attribute.STRINGSLICE:
			errs = append(errs, fmt.Errorf("otelpool: attribute %q is %v: use a bool, a number, a string, or a slice of those", string(kv.Key), kv.Value.Type()))
		case !utf8.ValidString(string(kv.Key)), !validText(kv.Value):
			errs = append(errs, fmt.Errorf("otelpool: attribute %q is not valid UTF-8", string(kv.Key)))
		case strings.HasPrefix(string(kv.Key), "__"), reserved[label], c.serverAttributes && serverReserved[label]:
			errs = append(errs, fmt.Errorf("otelpool: attribute %q is set by otelpool itself or by the exporters: use another key", string(kv.Key)))
		}
	}
	return errs
}

// validText reports whether the strings of a value, if it has any, are UTF-8, as every exporter demands.
func validText(v attribute.Value) bool {
	switch v.Type() {
	case attribute.STRING:
		return utf8.ValidString(v.AsString())
	case attribute.STRINGSLICE:
		return !slices.ContainsFunc(v.AsStringSlice(), func(s string) bool { return !utf8.ValidString(s) })
	}
	return true
}

// resolveBaseSize gives the base size of a pool: the option's, else that of its Sizing, else MaxConns.
func (c config) resolveBaseSize(poolConfig *pgxpool.Config) (int64, error) {
	size := int64(poolConfig.MaxConns)
	if z, ok := find[*sizer](poolConfig.ConnConfig.Tracer); ok {
		size = int64(z.PoolSize)
	}
	if c.baseSizeSet {
		size = int64(c.baseSize)
	}
	if size < 1 || size > int64(poolConfig.MaxConns) {
		return 0, fmt.Errorf("otelpool: base size %d is not between 1 and MaxConns (%d)", size, poolConfig.MaxConns)
	}
	return size, nil
}

// labelOf gives the label that a key becomes at the Prometheus edge, where what is no letter or digit becomes _, and
// several of these one.
func labelOf(key attribute.Key) string {
	var label strings.Builder
	gap := false
	for _, c := range string(key) {
		if '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' {
			label.WriteRune(c)
			gap = false
		} else if !gap {
			label.WriteByte('_')
			gap = true
		}
	}
	return label.String()
}

// labelsOf gives the set of the labels that keys become.
func labelsOf(keys ...attribute.Key) map[string]bool {
	labels := make(map[string]bool)
	for _, key := range keys {
		labels[labelOf(key)] = true
	}
	return labels
}

// reserved are the labels of what otelpool records itself, and what the exporters make of it and beside it.
var reserved = labelsOf(
	semconv.DBClientConnectionPoolNameKey, semconv.DBClientConnectionStateKey, semconv.DBSystemNameKey,
	semconv.DBQuerySummaryKey, semconv.DBResponseStatusCodeKey, semconv.ErrorTypeKey,
	phaseKey, resultKey, reasonKey,
	"pool", "operation", "le", "quantile", "otel.metric.overflow",
)

// serverReserved are those of what WithServerAttributes adds.
var serverReserved = labelsOf(semconv.DBNamespaceKey, semconv.ServerAddressKey, semconv.ServerPortKey)
