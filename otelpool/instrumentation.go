package otelpool

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/resize"
	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

// Instrumentation measures one pool. It is safe for concurrent use.
type Instrumentation struct {
	config config
	hooks  *hooks // nil if the pool was built without them

	// mu is never held during a call of a MeterProvider. That may wait for callbacks, which may call Held.
	mu          sync.Mutex
	registering bool
	observed    *observed // nil until Register
	observer    *observer
	watcher     *watcher // nil until Register, and without hooks
	ended       bool
}

// New creates an instrumented pool from a connection string, which it parses as [pgxpool.ParseConfig] does. See
// [NewWithConfig]. The error for a malformed string says what is wrong but quotes no part of the string, because any
// part may belong to the password. The error of ParseConfig says more. New refuses the settings of a [Sizing], such as
// pool_size: they need [Sizing.FromConfig] and NewWithConfig.
func New(ctx context.Context, connString string, opts ...Option) (*pgxpool.Pool, *Instrumentation, error) {
	poolConfig, err := pgxpool.ParseConfig(connString)
	if err != nil {
		return nil, nil, parseError(err)
	}
	for _, setting := range slices.Sorted(maps.Keys(setters)) {
		if _, set := poolConfig.ConnConfig.RuntimeParams[setting]; set { // which the server would refuse
			return nil, nil, fmt.Errorf("otelpool: connection string: %s is a setting of Sizing: use Sizing.FromConfig and NewWithConfig", setting)
		}
	}
	return NewWithConfig(ctx, poolConfig, opts...)
}

// parseError returns the part of pgx's error that may be shown: its reason, without the connection string and the cause,
// either of which may contain the password.
func parseError(err error) error {
	parse, ok := errors.AsType[*pgconn.ParseConfigError](err)
	if !ok {
		return errors.New("otelpool: malformed connection string")
	}
	without := *parse
	without.ConnString = "" // whose end cannot be told in the text: it may contain whatever follows it there
	reason := strings.TrimPrefix(without.Error(), "cannot parse ``: ")
	if cause := parse.Unwrap(); cause != nil {
		reason = strings.TrimSuffix(reason, " ("+cause.Error()+")")
	}
	if quoted := strings.IndexAny(reason, ":\"`"); quoted >= 0 { // a value follows
		reason = reason[:quoted]
	}
	return fmt.Errorf("otelpool: malformed connection string: %s", reason)
}

// NewWithConfig creates an instrumented pool. It works on a copy of the configuration, so one configuration can build
// many pools. The configuration's own tracer and hooks are called as without otelpool. Like [pgxpool.NewWithConfig], it
// does not wait for a connection.
//
// When the pool is closed, call [Instrumentation.Unregister] as well. On error there is nothing to close.
func NewWithConfig(ctx context.Context, poolConfig *pgxpool.Config, opts ...Option) (*pgxpool.Pool, *Instrumentation, error) {
	if err := checkPoolConfig(poolConfig); err != nil {
		return nil, nil, err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	poolConfig = poolConfig.Copy()
	inst, err := Instrument(poolConfig, opts...)
	if err != nil {
		return nil, nil, err
	}
	pool, err := pgxpool.NewWithConfig(ctx, poolConfig)
	if err != nil {
		return nil, nil, fmt.Errorf("otelpool: %w", err)
	}
	if err := inst.Register(pool); err != nil {
		pool.Close()
		return nil, nil, err
	}
	return pool, inst, nil
}

// Instrument adds otelpool's hooks to a configuration from which other code, such as a framework, builds the pool. Call
// [Instrumentation.Register] with that pool to add its gauges and counters; if the pool is used for a minute without
// Register, that is logged. Instrument wraps the configuration's tracer, ShouldPing, BeforeConnect, AfterConnect,
// PrepareConn and BeforeClose, which are called as before. Call Instrument last: if one of these is replaced
// afterwards, what otelpool counts with it is wrong. Only a tracer may be added later, with pgx's multitracer. A
// connection opened from the configuration outside of the pool has the same tracer, so its dial and its operations are
// recorded too.
//
// A configuration and its Instrumentation serve one pool: the registered one, else the first that acquires. If another
// pool is built from a copy of the configuration, its events are not recorded, except for dials in the background. That
// is logged once. Instrument returns an error if the configuration is nil, was not created by [pgxpool.ParseConfig], or
// is already instrumented, or if its tracer was replaced after [Sizing.Apply].
func Instrument(poolConfig *pgxpool.Config, opts ...Option) (*Instrumentation, error) {
	if err := checkPoolConfig(poolConfig); err != nil {
		return nil, err
	}
	if _, instrumented := tracerchain.Find[*hooks](poolConfig.ConnConfig.Tracer); instrumented {
		return nil, errors.New("otelpool: configuration is already instrumented: copy it before Instrument, and call Instrument once for each pool")
	}
	if err := resize.Check(poolConfig); err != nil {
		return nil, fmt.Errorf("otelpool: %w", err)
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	baseSize, err := c.resolveBaseSize(poolConfig)
	if err != nil {
		return nil, err
	}
	h, err := makeHooks(c, poolConfig, baseSize)
	if err != nil {
		return nil, err
	}
	install(poolConfig, h)
	return &Instrumentation{config: c, hooks: h}, nil
}

// makeHooks creates the histograms and the hooks of a pool.
func makeHooks(c config, poolConfig *pgxpool.Config, baseSize int64) (*hooks, error) {
	var histograms instruments.Histograms
	err := instruments.WithMeter(c.provider, Version, func(m metric.Meter) (err error) {
		histograms, err = instruments.NewHistograms(m, c.returnedRows)
		return err
	})
	if err != nil {
		return nil, err
	}
	return newHooks(c, histograms, poolConfig, baseSize)
}

// Register measures an existing pool. Such a pool has no hooks, so it has only gauges: no durations, no pending
// requests and no timeouts, and the options for those have no effect. Register returns an error if the pool is nil, is
// already registered, or was built from an instrumented configuration. For the last, use [Instrumentation.Register].
func Register(pool *pgxpool.Pool, opts ...Option) (*Instrumentation, error) {
	if pool == nil {
		return nil, errNilPool
	}
	poolConfig, err := configOf(pool)
	if err != nil {
		return nil, err
	}
	if _, instrumented := tracerchain.Find[*hooks](poolConfig.ConnConfig.Tracer); instrumented {
		return nil, errors.New("otelpool: pool is already instrumented: call Register of the Instrumentation that Instrument returned")
	}
	if err := resize.Check(poolConfig); err != nil {
		return nil, fmt.Errorf("otelpool: %w", err)
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	inst := &Instrumentation{config: c}
	if err := inst.register(func() (*observed, *observer, error) { return inst.observe(pool, poolConfig) }); err != nil {
		return nil, err
	}
	return inst, nil
}

var errNilPool = errors.New("otelpool: pool is nil")

// Register adds the gauges and counters of the pool that was built from the instrumented configuration. It returns an
// error if the pool is nil, was built from another configuration, has a second tracer of otelpool, or is already
// registered, or if Unregister was called. A closed pool may be registered, and a registered pool may be closed: its
// gauges then show an empty pool until Unregister.
func (i *Instrumentation) Register(pool *pgxpool.Pool) error {
	if i == nil {
		return errors.New("otelpool: instrumentation is nil")
	}
	if pool == nil {
		return errNilPool
	}
	poolConfig, err := configOf(pool)
	if err != nil {
		return err
	}
	switch all := tracerchain.All[*hooks](poolConfig.ConnConfig.Tracer); {
	case len(all) == 0 || all[0] != i.hooks:
		return errors.New("otelpool: pool was not built from the instrumented configuration, or its tracer was replaced after Instrument")
	case len(all) > 1:
		return errors.New("otelpool: pool has several tracers of otelpool, which count each event several times: join only one by pgx's multitracer")
	}
	if err := i.register(func() (*observed, *observer, error) { return i.observe(pool, poolConfig) }); err != nil {
		return err
	}
	i.hooks.joined.Store(poolConfig.ConnConfig.Tracer != pgx.QueryTracer(i.hooks))
	i.hooks.owner.Store(pool)
	i.hooks.registered.Store(true)
	return nil
}

// register registers what observe adds to those that are read at collection.
func (i *Instrumentation) register(observe func() (*observed, *observer, error)) error {
	if err := i.beginRegister(); err != nil {
		return err
	}
	m, o, err := observe()
	if ended := i.endRegister(m, o); ended && err == nil {
		return errors.Join(errUnregistered, o.forget(m))
	}
	return err
}

var errUnregistered = errors.New("otelpool: instrumentation is unregistered: create a new one")

func (i *Instrumentation) beginRegister() error {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.ended {
		return errUnregistered
	}
	if i.observed != nil || i.registering {
		return errors.New("otelpool: pool is already registered")
	}
	i.registering = true
	return nil
}

// endRegister publishes what was registered, nil if that failed, and reports whether Unregister was called meanwhile.
func (i *Instrumentation) endRegister(m *observed, o *observer) (ended bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.registering = false
	if !i.ended && m != nil {
		i.observed, i.observer = m, o
		if m.hooks != nil {
			m.hooks.observed.Store(m)
			i.watcher = watch(m)
		}
	}
	return i.ended
}

// observe adds the pool to those that are read at collection.
func (i *Instrumentation) observe(pool *pgxpool.Pool, poolConfig *pgxpool.Config) (*observed, *observer, error) {
	baseSize, err := i.config.resolveBaseSize(poolConfig)
	if err != nil {
		return nil, nil, err
	}
	set := i.poolSet(defaultPoolName(poolConfig.ConnConfig))
	m := newObserved(pool, baseSize, poolConfig, i.hooks)
	m.describe(set, i.config, poolConfig)
	m.showFindings = !i.config.withoutFindings
	m.settings = instruments.InfoOptions(set, settingsOf(i.config, poolConfig, baseSize))
	if i.hooks != nil {
		i.hooks.state.Attach(m.stat, int64(poolConfig.MaxConns), baseSize)
	}
	return i.add(set, m)
}

// poolSet returns the attributes of the pool.
func (i *Instrumentation) poolSet(defaultName string) attribute.Set {
	if i.hooks != nil {
		return i.hooks.pool // the name it began with, even if the configuration has changed since
	}
	return instruments.NewSet(i.config.poolAttributes(defaultName))
}

// add adds a pool to those that are read at collection. It logs if others have its name, and that is the default.
func (i *Instrumentation) add(set attribute.Set, m *observed) (*observed, *observer, error) {
	o, err := observe(i.config.provider, set, m)
	if err != nil {
		return nil, nil, err
	}
	if !i.config.poolNameSet && o.firstShared(set) {
		sharedDefaultName(i.config, m.name)
	}
	return m, o, nil
}

// Unregister ends the measurement for good: from the next collection on, the pool has no gauges, and its events are no
// longer recorded. It does not close the pool. It may be called at any time, even before Register, and a second call
// does nothing. A callback of an instrument of the same MeterProvider must not call it, because the SDK would wait for
// that callback. Log lines that wait for the logger may still be written.
//
// The counters of the pool keep their values and are still reported: a counter never falls, and a pool with the same
// name and attributes that is registered later continues it. That applies to the 100 names unregistered last. The
// series of histograms stay in the SDK, unchanged, as long as the MeterProvider exists. They would end if the SDK's
// histograms implemented Finisher of go.opentelemetry.io/otel/metric/x; version 1.47 does not.
func (i *Instrumentation) Unregister() error {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	ended, m, o, w := i.ended, i.observed, i.observer, i.watcher
	i.ended = true
	i.mu.Unlock()
	if ended {
		return nil
	}
	if w != nil {
		w.stop()
	}
	if i.hooks != nil {
		i.hooks.stop(context.Background())
	}
	if o == nil {
		return nil
	}
	return o.forget(m)
}
