package otelpool

import (
	"context"
	"runtime"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/goroutine"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/tracerchain"
)

// Keys of the counters that the hooks increment themselves. What the state counts is in stateValues.
var (
	longHolds         = instruments.KeyOf("pgxpool.long_holds")
	nestedAcquires    = instruments.KeyOf("pgxpool.nested_acquires")
	overflowOpened    = instruments.KeyOf("pgxpool.overflow.opened")
	operationsCapped  = instruments.KeyOf("pgxpool.operations.capped")
	connectionsErrors = instruments.OpenKeyOf("pgxpool.connections.errors")
	acquiresBy        = [poolstate.ResultCount]instruments.Key{
		poolstate.OK:       instruments.KeyOf("pgxpool.acquires", "ok"),
		poolstate.Timeout:  instruments.KeyOf("pgxpool.acquires", "timeout"),
		poolstate.Canceled: instruments.KeyOf("pgxpool.acquires", "canceled"),
		poolstate.Failed:   instruments.KeyOf("pgxpool.acquires", "error"),
	}
)

// epoch makes the clock cheap: time.Since of a fixed time only reads the monotonic clock. It is long ago, so that it
// precedes the clock of a testing/synctest bubble, which begins in the year 2000.
var epoch = time.Now().Add(-50 * 365 * 24 * time.Hour)

func monotonic() time.Duration { return time.Since(epoch) }

// hooks is the tracer of an instrumented pool. It passes each event to the state and records what that returns. It also
// passes each event on to the tracer that the configuration had before: starts before recording, ends after it, so each
// tracer sees the same nesting as if it were alone. It is safe for concurrent use.
type hooks struct {
	next       tracerchain.Tracers
	state      *poolstate.Pool
	operations *instruments.Operations
	histograms instruments.Histograms
	counters   instruments.Counters
	comments   *sqlComments // nil unless statements get comments
	reports    *reports
	tracing    *tracing      // nil if nothing is traced
	longHold   time.Duration // 0 if long holds are not reported
	stacks     *stacks       // nil if the stacks of acquires are not kept
	slow       time.Duration // threshold of a slow acquire, never if that is not reported

	// observed is the pool as it is read at collection, nil until Register.
	observed atomic.Pointer[observed]

	pool         attribute.Set // the attributes of the pool
	wait, create instruments.Series[float64]
	dials        struct{ count, time atomic.Int64 } // that succeeded

	live atomic.Bool // events are recorded

	// owner is the pool that is measured: the registered one, else the first that acquires. nil until there is one.
	owner      atomic.Pointer[pgxpool.Pool]
	foreignMet atomic.Bool // another pool has these hooks, and that was logged
	registered atomic.Bool

	pooled  atomic.Bool // a pgxpool has dialed
	outside atomic.Bool // a connection was dialed by something else first

	// joined is set if the pool's tracer is not the hooks themselves but calls them, such as a multitracer. A later
	// tracer in it may panic; pgxpool then does not end the acquire.
	joined atomic.Bool
}

var (
	_ tracerchain.Tracer = (*hooks)(nil)
	_ tracerchain.Link   = (*hooks)(nil)
)

func newHooks(c config, h instruments.Histograms, poolConfig *pgxpool.Config, baseSize int64) (*hooks, error) {
	attrs := c.poolAttributes(defaultPoolName(poolConfig.ConnConfig))
	pool := instruments.NewSet(attrs)
	operations := instruments.NewOperations(instruments.OperationsConfig{
		Histograms:         h,
		Limit:              c.operationLimit,
		FromUser:           c.operationName,
		DurationAttributes: c.operationAttributes(poolConfig.ConnConfig),
		UseAttributes:      attrs,
	})
	tracing, err := newTracing(c, poolConfig.ConnConfig, operations)
	if err != nil {
		return nil, err
	}
	hk := &hooks{
		state: poolstate.New(poolstate.Config{
			Now:        monotonic,
			MaxConns:   int64(poolConfig.MaxConns),
			BaseSize:   baseSize,
			PeakWindow: c.peakWindow,
			Goroutine:  func() uintptr { return uintptr(goroutine.Current()) },
		}),
		operations: operations,
		histograms: h,
		comments:   newSQLComments(c.sqlComments, operations, poolConfig.ConnConfig),
		reports:    newReports(attrs[0].Value.AsString(), operations, c),
		tracing:    tracing,
		longHold:   c.longHold,
		slow:       c.slowAcquire,
		pool:       pool,
		wait:       instruments.NewSeries(h.Wait, pool),
		create:     instruments.NewSeries(h.Create, pool),
	}
	if c.longHold > 0 && !c.withoutStacks {
		hk.stacks = newStacks(c.stackSkip)
	}
	if c.slowAcquire == 0 {
		hk.slow = never
	}
	// Spans, log lines and comments that the user asked for do not depend on whether there are metrics.
	hk.live.Store(hk.comments != nil || tracing != nil || c.longHold > 0 || c.slowAcquireSet && c.slowAcquire > 0 || h.Wanted)
	return hk, nil
}

// Next implements tracerchain.Link.
func (h *hooks) Next() *tracerchain.Tracers { return &h.next }

// active reports whether an event that begins now is recorded. If that is not known at creation, recording begins at
// the first event whose instrument is enabled, or at the first collection. The instruments of a no-op provider are
// never enabled; those of the global provider are when an SDK is set. An event that begins while inactive is ignored
// entirely, so that increments and decrements always match.
func (h *hooks) active(ctx context.Context, instrument metric.Float64Histogram) bool {
	if h.live.Load() {
		return !h.state.Stopped()
	}
	return h.activate(instrument.Enabled(ctx))
}

// acquiring is like active, for an acquire. Nearly all other events follow an acquire, so it checks whether there is
// any reader.
func (h *hooks) acquiring(ctx context.Context) bool {
	if h.live.Load() {
		return !h.state.Stopped()
	}
	return h.activate(h.histograms.Probe.Enabled(ctx))
}

func (h *hooks) activate(enabled bool) bool {
	if !enabled || h.state.Stopped() {
		return false
	}
	h.live.Store(true)
	return true
}

// acquireFrom returns the acquire of this pool to which ctx belongs, nil if there is none.
func (h *hooks) acquireFrom(ctx context.Context) *poolstate.Acquire {
	if !h.live.Load() || ctx == nil {
		return nil
	}
	return h.state.AcquireFrom(ctx)
}

// owns reports whether pool is the one that is measured. Two pools have these hooks if the configuration was copied
// after Instrument.
func (h *hooks) owns(pool *pgxpool.Pool) bool { return h.owner.Load() == pool || h.claim(pool) }

// claim makes pool the one that is measured, if there is none yet, and reports whether pool is it.
func (h *hooks) claim(pool *pgxpool.Pool) bool {
	if h.owner.CompareAndSwap(nil, pool) {
		if poolConfig, err := configOf(pool); err == nil {
			h.joined.Store(poolConfig.ConnConfig.Tracer != pgx.QueryTracer(h))
		}
		time.AfterFunc(registerGrace, h.checkRegistered)
		return true
	}
	if h.owner.Load() == pool {
		return true
	}
	if !h.foreignMet.Swap(true) {
		h.reports.foreignPool()
	}
	return false
}

// registerGrace is how long a pool may be used before it is registered.
const registerGrace = time.Minute

// checkRegistered logs that Register was forgotten.
func (h *hooks) checkRegistered() {
	if !h.registered.Load() && !h.state.Stopped() {
		h.reports.notRegistered()
	}
}

// dialedOutside is called for a dial outside of a pgxpool. After the first one it checks, a minute later, whether there
// is a pool at all.
func (h *hooks) dialedOutside() {
	if h.outside.Swap(true) {
		return
	}
	time.AfterFunc(registerGrace, func() {
		if !h.pooled.Load() && h.owner.Load() == nil && !h.registered.Load() && !h.state.Stopped() {
			h.reports.noPool()
		}
	})
}

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (h *hooks) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	ctx = h.next.TraceAcquireStart(ctx, pool, data)
	if ctx == nil || !h.acquiring(ctx) { // leave the panic on a nil context to pgx
		if !h.pooled.Load() { // BeforeConnect, which says so, may have been replaced
			h.pooled.Store(true)
		}
		return ctx
	}
	if !h.owns(pool) {
		return poolstate.Foreign(ctx)
	}
	a, nested := h.state.Begin(ctx)
	if h.joined.Load() {
		a.WatchLoss()
	}
	if h.tracing != nil {
		h.tracing.watch(a)
	}
	if nested != nil {
		h.counters.Add(nestedAcquires, 1)
		h.operations.Unit(uint32(nested.Outer.Unit())).AddNested()
		if nested.Waits {
			h.reports.nestedAcquire(nested.Outer, h.state.Now())
		}
	}
	return a
}

// TraceAcquireEnd implements pgxpool.AcquireTracer.
func (h *hooks) TraceAcquireEnd(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	a := h.acquireFrom(ctx)
	if a != nil && h.joined.Load() {
		a.EndWatch()
	}
	switch {
	case a != nil && data.Conn != nil:
		c := h.connOfAcquire(data.Conn)
		if h.stacks != nil && !h.state.Stopped() { // not in a function: its frame would have to be skipped
			var callers [poolstate.MaxStack]uintptr
			reach := h.stacks.reach.Load()
			n := runtime.Callers(2, callers[:reach])
			h.stacks.keep(a, c.Conn, callers[:n], reach)
		}
		h.acquired(a, c)
	case a != nil:
		h.acquireFailed(a, resultOf(ctx, data.Err), data.Err)
	case data.Conn != nil && h.foreignMet.Load() && poolstate.IsForeign(ctx):
		disown(h.state, data.Conn)
	}
	h.next.TraceAcquireEnd(ctx, pool, data)
}

// connOfAcquire returns the state of a connection that an acquire got.
func (h *hooks) connOfAcquire(pc *pgx.Conn) *conn {
	c := connOf(h.state, pc)
	if c.foreign {
		c = reclaim(h.state, pc, c)
	}
	return c
}

func (h *hooks) acquired(a *poolstate.Acquire, c *conn) {
	if !h.state.Stopped() {
		a.Operation = h.unitOf(a, c)
	}
	waited, held := h.state.End(a, c.Conn, poolstate.OK)
	in := a.Context
	if h.tracing != nil && held {
		in = h.tracing.acquired(a, waited, c.waitedFor(), nil)
	}
	if held {
		h.wait.Record(in, waited.Seconds())
	}
	if waited >= h.slow {
		h.slowAcquire(waited, false)
	}
}

// unitOf returns the unit of work of an acquire: the name that its caller chose, else that of its scope, else 0.
func (h *hooks) unitOf(a *poolstate.Acquire, c *conn) poolstate.Operation {
	name := instruments.Name{Text: instruments.NameFrom(a.Context), Source: instruments.Chosen}
	if name.Text == "" {
		name = instruments.Name{Text: a.ScopeName(), Source: instruments.Scoped}
	}
	if name.Text == "" {
		return 0
	}
	op := h.operations.NamedOn(name, &c.recent)
	if op.Capped && name.Source == instruments.Scoped { // a capped name of the caller is counted with its operations
		h.counters.Add(operationsCapped, 1)
	}
	return poolstate.Operation(op.ID)
}

func (h *hooks) acquireFailed(a *poolstate.Acquire, result poolstate.Result, err error) {
	h.counters.Add(acquiresBy[result], 1)
	if err == nil { // a hook panicked
		h.state.EndLeaked(a)
		return
	}
	timedOut := result == poolstate.Timeout
	waited, _ := h.state.End(a, nil, result)
	if h.tracing != nil && !h.state.Stopped() {
		h.tracing.acquired(a, waited, trace.SpanContext{}, err)
	}
	if waited >= h.slow || timedOut {
		h.slowAcquire(waited, timedOut)
	}
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (h *hooks) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if !h.live.Load() || !h.owns(pool) {
		h.next.TraceRelease(pool, data)
		return
	}
	defer h.released(data.Conn) // also if the other tracer panics
	h.next.TraceRelease(pool, data)
}

func (h *hooks) released(pc *pgx.Conn) {
	c := connOf(h.state, pc)
	why := c.closeReason(pc)
	hold, age, ok := h.state.Release(c.Conn, why)
	if h.stacks != nil {
		defer c.DropStack()
	}
	if !ok || h.state.Stopped() {
		return
	}
	if h.tracing != nil {
		h.noteHolder(c, hold.Acquire)
	}
	work := hold.Work()
	unit := h.operations.Unit(uint32(work.Unit))
	unit.Use.Record(hold.Acquire.Context, age.Seconds())
	unit.AddWork(work.Busy, work.Operations, work.First, c.shard)
	if why != poolstate.KeptOpen {
		unit.AddMisuse(why == poolstate.CloseInTransaction, why == poolstate.CloseBusy)
		h.reports.misuse(why, hold, age)
	}
	if h.longHold > 0 && age >= h.longHold {
		if !hold.MarkCounted() {
			h.counters.Add(longHolds, 1)
		}
		h.stacks.suspect(hold)
		h.reports.longHoldEnded(hold, age)
	}
}

// stop ends recording for good, and those series that the SDK can end.
func (h *hooks) stop(ctx context.Context) {
	if !h.state.Stopped() {
		h.state.Stop()
		instruments.Finish(ctx, h.histograms, h.pool, h.operations)
	}
}
