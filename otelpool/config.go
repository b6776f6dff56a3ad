package otelpool

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
)

// maxOperationLimit bounds the memory that the limit itself allows.
const maxOperationLimit = 10_000

const (
	defaultPeakWindow  = time.Minute
	defaultSlowAcquire = time.Second
)

// config is the sum of the options of one pool.
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
	sqlComments      []SQLComment
	peakWindow       time.Duration
	longHold         time.Duration
	longHoldSet      bool
	withoutStacks    bool
	stackSkip        []string
	slowAcquire      time.Duration // 0 if slow acquires are not logged
	slowAcquireSet   bool
	withoutFindings  bool
	traced           bool // there are spans
	tracerProvider   trace.TracerProvider
	rootSpans        bool
	acquireSpans     time.Duration // 0 if acquires have no spans
	acquireSpansSet  bool
	spanStart        spanStart
	shown            queryDetails
	textSet          bool
	slowQuery        time.Duration // 0 if slow queries are not logged
	slowQuerySet     bool
	logger           *slog.Logger
}

// newConfig applies the options to the defaults and checks what can be checked without a pool.
func newConfig(opts []Option) (config, error) {
	c := config{operationLimit: instruments.DefaultLimit, peakWindow: defaultPeakWindow, slowAcquire: defaultSlowAcquire}
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
		errs = append(errs, errors.New("otelpool: pool name is empty: set a name, or omit WithPoolName to use host:port/database"))
	}
	if c.operationLimit < 1 || c.operationLimit > maxOperationLimit {
		errs = append(errs, fmt.Errorf("otelpool: operation limit %d is not between 1 and %d", c.operationLimit, maxOperationLimit))
	}
	if c.peakWindow < time.Second || c.peakWindow > 24*time.Hour {
		errs = append(errs, fmt.Errorf("otelpool: peak window %v is not between 1s and 24h", c.peakWindow))
	}
	errs = append(errs, checkThreshold("long hold", "WithLongHold", c.longHoldSet, c.longHold))
	switch {
	case c.slowAcquire < 0:
		errs = append(errs, fmt.Errorf("otelpool: slow acquire threshold %v is below 0: use 0 to turn it off", c.slowAcquire))
	case lacksUnit(c.slowAcquire):
		errs = append(errs, fmt.Errorf("otelpool: slow acquire threshold %v %s", c.slowAcquire, unitAdvice))
	}
	errs = append(errs, c.checkTracing()...)
	errs = append(errs, checkSQLComments(c.sqlComments)...)
	return c, errors.Join(append(errs, checkAttributes(c.attributes, c.serverAttributes, c.traced)...)...)
}

// checkTracing checks the options of spans and of slow queries.
func (c config) checkTracing() (errs []error) {
	if c.acquireSpansSet && c.acquireSpans <= 0 {
		errs = append(errs, fmt.Errorf("otelpool: acquire span threshold %v is not above 0: omit WithAcquireSpans to turn it off", c.acquireSpans))
	}
	errs = append(errs, checkThreshold("slow query", "WithSlowQuery", c.slowQuerySet, c.slowQuery))
	if c.textSet && c.shown.text != QueryTextSanitized && c.shown.text != QueryTextRaw {
		errs = append(errs, fmt.Errorf("otelpool: query text %d is neither QueryTextSanitized nor QueryTextRaw", c.shown.text))
	}
	return errs
}

// checkThreshold returns an error for a threshold that an option has set and that cannot be meant.
func checkThreshold(what, option string, set bool, d time.Duration) error {
	switch {
	case set && d <= 0:
		return fmt.Errorf("otelpool: %s threshold %v is not above 0: omit %s to turn it off", what, d, option)
	case lacksUnit(d):
		return fmt.Errorf("otelpool: %s threshold %v %s", what, d, unitAdvice)
	}
	return nil
}

// lacksUnit reports whether a duration can only be a number whose unit was forgotten, which Go takes for nanoseconds.
func lacksUnit(d time.Duration) bool { return d > 0 && d < time.Millisecond }

// unitAdvice follows such a duration in an error.
const unitAdvice = "is below 1ms: use a duration with a unit, such as 30*time.Second"

// resolveBaseSize returns the base size of a pool: the option's, else the pool size of its Sizing, else MaxConns.
func (c config) resolveBaseSize(poolConfig *pgxpool.Config) (int64, error) {
	size := int64(poolConfig.MaxConns)
	if poolSize, ok := resize.PoolSize(poolConfig); ok {
		size = int64(poolSize)
	}
	if c.baseSizeSet {
		size = int64(c.baseSize)
	}
	if size < 1 || size > int64(poolConfig.MaxConns) {
		return 0, fmt.Errorf("otelpool: base size %d is not between 1 and MaxConns (%d)", size, poolConfig.MaxConns)
	}
	return size, nil
}

// checkPoolConfig returns an error for a configuration at which pgxpool would panic.
func checkPoolConfig(poolConfig *pgxpool.Config) error {
	switch {
	case poolConfig == nil:
		return errors.New("otelpool: configuration is nil")
	case poolConfig.ConnConfig == nil, !parsed(poolConfig), !parsed(poolConfig.ConnConfig):
		return errors.New("otelpool: configuration was not created by pgxpool.ParseConfig")
	}
	return nil
}

// parsed reports whether a configuration has the mark of pgx's ParseConfig, without which pgx panics. The mark is
// unexported, but may be read. If a later pgx has another mark, pgx itself decides.
func parsed(c any) bool {
	mark := reflect.ValueOf(c).Elem().FieldByName("createdByParseConfig")
	return mark.Kind() != reflect.Bool || mark.Bool()
}

// configOf returns a pool's configuration. pgx panics if the pool is a zero value.
func configOf(pool *pgxpool.Pool) (poolConfig *pgxpool.Config, err error) {
	defer func() {
		if recover() != nil {
			err = errors.New("otelpool: pool was not created by pgxpool.New or NewWithConfig")
		}
	}()
	return pool.Config(), nil
}
