package otelpool

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

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

// epoch makes the clock cheap: time.Since of a fixed time reads the monotonic clock alone. It is long ago, so that the clock
// of a bubble of testing/synctest, which begins in the year 2000, is never before it.
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
	reports    *reports
	longHold   time.Duration // 0 if long holds are not reported

	pool              attribute.Set // the attributes of the pool
	wait, create, use instruments.Series[float64]

	live atomic.Bool // events are recorded

	// owner is the pool that is measured: the registered one, else the first that acquires. nil until there is one.
	owner      atomic.Pointer[pgxpool.Pool]
	foreignMet atomic.Bool // another pool has these hooks, and that was logged
	registered atomic.Bool

	// joined is set if the pool's tracer is not the hooks but one that calls them, such as a multitracer. It may call another
	// after them that panics; pgxpool then does not end the acquire.
	joined atomic.Bool
}

var (
	_ tracerchain.Tracer = (*hooks)(nil)
	_ tracerchain.Link   = (*hooks)(nil)
)

func newHooks(c config, h instruments.Histograms, poolConfig *pgxpool.Config, baseSize int64) *hooks {
	attrs := c.poolAttributes(poolConfig.ConnConfig)
	pool := instruments.NewSet(attrs)
	operations := instruments.NewOperations(instruments.OperationsConfig{
		Histograms:         h,
		Limit:              c.operationLimit,
		FromUser:           c.operationName,
		DurationAttributes: c.operationAttributes(poolConfig.ConnConfig),
		UseAttributes:      attrs,
	})
	hk := &hooks{
		state: poolstate.New(poolstate.Config{
			Now:        monotonic,
			MaxConns:   int64(poolConfig.MaxConns),
			BaseSize:   baseSize,
			PeakWindow: c.peakWindow,
			KeepStacks: c.longHold > 0 && !c.withoutStacks,
		}),
		operations: operations,
		histograms: h,
		reports:    newReports(attrs[0].Value.AsString(), operations, c.logger),
		longHold:   c.longHold,
		pool:       pool,
		wait:       instruments.NewSeries(h.Wait, pool),
		create:     instruments.NewSeries(h.Create, pool),
		use:        instruments.NewSeries(h.Use, pool),
	}
	// Long holds are logged whether there are metrics or not.
	hk.live.Store(c.longHold > 0 || h.Wanted)
	return hk
}

// Next implements tracerchain.Link.
func (h *hooks) Next() *tracerchain.Tracers { return &h.next }

// active reports whether an event that begins is to be recorded. If that is not known at creation, recording begins at
// the first event whose instrument is enabled, or at the first collection. A no-op provider's instruments are never
// enabled; the global provider's are once an SDK is set. An event that begins while inactive is left out whole, so that
// increments and decrements always match.
func (h *hooks) active(ctx context.Context, instrument metric.Float64Histogram) bool {
	if h.live.Load() {
		return !h.state.Stopped()
	}
	return h.activate(ctx, instrument)
}

func (h *hooks) activate(ctx context.Context, instrument metric.Float64Histogram) bool {
	if !instrument.Enabled(ctx) || h.state.Stopped() {
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

// owns reports whether the hooks are those of the pool. A configuration may be copied after Instrument, so that two pools
// have them.
func (h *hooks) owns(pool *pgxpool.Pool) bool { return h.owner.Load() == pool || h.claim(pool) }

// claim makes the pool the one that is measured, if none is, and reports whether it is.
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

// TraceAcquireStart implements pgxpool.AcquireTracer.
func (h *hooks) TraceAcquireStart(ctx context.Context, pool *pgxpool.Pool, data pgxpool.TraceAcquireStartData) context.Context {
	ctx = h.next.TraceAcquireStart(ctx, pool, data)
	if ctx == nil || !h.active(ctx, h.histograms.Wait) { // leave the panic on a nil context to pgx
		return ctx
	}
	if !h.owns(pool) {
		return poolstate.Foreign(ctx)
	}
	a, nested := h.state.Begin(ctx)
	if h.joined.Load() {
		a.WatchLoss()
	}
	if nested != nil {
		h.counters.Add(nestedAcquires, 1)
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
		h.acquired(a, data.Conn)
	case a != nil:
		h.acquireFailed(a, resultOf(ctx, data.Err), data.Err)
	case data.Conn != nil && h.foreignMet.Load() && poolstate.IsForeign(ctx):
		disown(h.state, data.Conn)
	}
	h.next.TraceAcquireEnd(ctx, pool, data)
}

func (h *hooks) acquired(a *poolstate.Acquire, pc *pgx.Conn) {
	if !h.state.Stopped() {
		a.Operation = h.unitOf(a)
	}
	c := connOf(h.state, pc)
	if c.foreign {
		c = reclaim(h.state, pc, c)
	}
	if waited, held := h.state.End(a, c.Conn, poolstate.OK); held {
		h.wait.Record(a.Context, waited.Seconds())
	}
}

// unitOf returns the unit of work of an acquire by the name that its caller chose, else its scope, 0 if neither did.
func (h *hooks) unitOf(a *poolstate.Acquire) poolstate.Operation {
	name := instruments.Name{Text: instruments.NameFrom(a.Context), Source: instruments.Chosen}
	if name.Text == "" {
		name = instruments.Name{Text: a.ScopeName(), Source: instruments.Scoped}
	}
	if name.Text == "" {
		return 0
	}
	op := h.operations.Named(name)
	if op.Capped && name.Source == instruments.Scoped { // a capped name of the caller is counted with its operations
		h.counters.Add(operationsCapped, 1)
	}
	return poolstate.Operation(op.ID)
}

func (h *hooks) acquireFailed(a *poolstate.Acquire, result poolstate.Result, err error) {
	h.counters.Add(acquiresBy[result], 1)
	if err == nil { // a hook panicked
		h.state.EndLeaked(a)
	} else {
		h.state.End(a, nil, result)
	}
}

// TraceRelease implements pgxpool.ReleaseTracer.
func (h *hooks) TraceRelease(pool *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if h.live.Load() && h.owns(pool) {
		h.released(data.Conn)
	}
	h.next.TraceRelease(pool, data)
}

func (h *hooks) released(pc *pgx.Conn) {
	c := connOf(h.state, pc).Conn
	why := closeReason(pc)
	hold, age, ok := h.state.Release(c, why)
	if !ok || h.state.Stopped() {
		return
	}
	to := &h.use
	if op := h.operations.ByID(uint32(hold.Unit())); op != nil {
		to = &op.Use
	}
	to.Record(hold.Acquire.Context, age.Seconds())
	if why != poolstate.KeptOpen {
		h.reports.misuse(why, hold, age)
	}
	if h.longHold > 0 && age >= h.longHold {
		if !hold.MarkReported() {
			h.counters.Add(longHolds, 1)
		}
		h.reports.longHoldEnded(hold, age)
	}
	h.state.DropStack(c)
}

// closeReason returns why pgx will close a connection that is being released, or KeptOpen. It makes the checks that
// pgxpool is about to make. More cannot be known yet: a connection may be too old, or AfterRelease may refuse it.
func closeReason(pc *pgx.Conn) poolstate.CloseReason {
	switch pg := pc.PgConn(); {
	case pc.IsClosed():
		return poolstate.CloseBroken
	case pg.IsBusy():
		return poolstate.CloseBusy
	case pg.TxStatus() != 'I':
		return poolstate.CloseInTransaction
	}
	return poolstate.KeptOpen
}

type connectKey struct{}

// connect is the context of a dial. It remembers when the dial began.
type connect struct {
	context.Context
	start time.Duration
}

func (c *connect) Value(key any) any {
	if key == (connectKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (h *hooks) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	ctx = h.next.TraceConnectStart(ctx, data)
	h.dialing(ctx) // in case BeforeConnect was replaced after we wrapped it
	if ctx == nil || !h.active(ctx, h.histograms.Create) || poolstate.IsForeign(ctx) {
		return ctx
	}
	return &connect{Context: ctx, start: h.state.Now()}
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (h *hooks) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	if data.Err != nil {
		h.connectFailed(ctx, data.Err, dialReason(data.Err))
	} else if ctx != nil && !h.state.Stopped() {
		if c, ok := ctx.Value(connectKey{}).(*connect); ok {
			h.create.Record(c.Context, (h.state.Now() - c.start).Seconds())
		}
	}
	h.next.TraceConnectEnd(ctx, data)
}

// dialing notes that the acquire of ctx, if there is one, has a slot and dials.
func (h *hooks) dialing(ctx context.Context) {
	if a := h.acquireFrom(ctx); a != nil && !a.In(poolstate.Connect) {
		a.Enter(poolstate.Connect)
	}
}

// connectFailed counts a connection that could not be opened, and logs the first of a row, with a reason that contains
// no secret. A dial that was given up has not failed: pgxpool cancels those of a pool that is closed, and those beside one
// that failed in the background.
func (h *hooks) connectFailed(ctx context.Context, err error, reason string) {
	if ctx != nil && (is(err, context.Canceled) && is(ctx.Err(), context.Canceled) || poolstate.IsForeign(ctx)) {
		return
	}
	f, ok := classify(err)
	if !ok {
		f.ErrorType = instruments.ErrorTypeOther // whatever the error says, there is no connection
	}
	h.counters.AddOpen(connectionsErrors, f.ErrorType)
	if !h.state.Stopped() {
		h.reports.dialFailed(f.ErrorType, reason)
	}
}

// stop ends recording for good, and those series that the SDK can end.
func (h *hooks) stop(ctx context.Context) {
	if !h.state.Stopped() {
		h.state.Stop()
		instruments.Finish(ctx, h.histograms, h.pool, h.operations)
	}
}
