package otelpool

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/reason"
	"github.com/otelpool/otelpool-go/otelpool/internal/spans"
)

type connectKey struct{}

// connect is the context of a dial. It has the start time and the span of the dial (see note).
type connect struct {
	context.Context
	of    *hooks // whose dial it is: a dial may use another pool
	start time.Duration
	in    context.Context // has the span
	span  trace.Span      // nil if it has none
}

func (c *connect) Value(key any) any {
	if key == (connectKey{}) {
		return c
	}
	return c.Context.Value(key)
}

// TraceConnectStart implements pgx.ConnectTracer.
func (h *hooks) TraceConnectStart(ctx context.Context, data pgx.TraceConnectStartData) context.Context {
	parent := ctx
	ctx = h.next.TraceConnectStart(ctx, data)
	h.dialing(ctx) // BeforeConnect may have been replaced after Instrument
	if ctx == nil || !h.active(ctx, h.histograms.Create) || poolstate.IsForeign(ctx) {
		return ctx
	}
	c := &connect{Context: ctx, of: h, in: ctx, start: h.state.Now()}
	if h.tracing != nil && h.tracing.wanted(parent) {
		if in, span := h.tracing.tracer.Begin(parent, h.tracing.connect, spans.Details{}); span != nil {
			c.in, c.span = in, span
		}
	}
	return c
}

// TraceConnectEnd implements pgx.ConnectTracer.
func (h *hooks) TraceConnectEnd(ctx context.Context, data pgx.TraceConnectEndData) {
	var c *connect
	if ctx != nil {
		if c, _ = ctx.Value(connectKey{}).(*connect); c != nil && c.of != h {
			c = nil
		}
	}
	if data.Err != nil {
		h.connectFailed(ctx, data.Err, instruments.Sanitize(reason.Of(data.Err, nil)))
	} else if !h.pooled.Load() {
		h.reports.dialedOutside(h.state.Now()) // no AfterConnect of a pool follows
		h.dialedOutside()
	}
	if data.Err == nil && c != nil && !h.state.Stopped() {
		took := h.state.Now() - c.start
		h.create.Record(c.in, took.Seconds())
		h.dials.count.Add(1)
		h.dials.time.Add(int64(took))
	}
	if c != nil && c.span != nil {
		spans.End(c.span, failureOf(data.Err))
	}
	h.next.TraceConnectEnd(ctx, data)
}

// dialing notes that the acquire of ctx, if there is one, has a slot and dials.
func (h *hooks) dialing(ctx context.Context) {
	if a := h.acquireFrom(ctx); a != nil && !a.In(poolstate.Connect) {
		a.Enter(poolstate.Connect)
	}
}

// connectFailed counts a connection that could not be opened, and logs the first of consecutive failures; reason must
// contain no secret. A canceled dial is not a failure: pgxpool cancels the dials of a closed pool, and the other
// background dials when one of them fails.
func (h *hooks) connectFailed(ctx context.Context, err error, reason string) {
	f, ok := classify(err)
	if !ok {
		f.ErrorType = instruments.ErrorTypeOther // there is no connection, even if the error counts as success
	}
	h.connectFailedBy(ctx, err, f.ErrorType, reason)
}

// connectFailedBy is like connectFailed, with an explicit error.type.
func (h *hooks) connectFailedBy(ctx context.Context, err error, errorType, reason string) {
	if ctx != nil && (is(err, context.Canceled) && is(ctx.Err(), context.Canceled) || poolstate.IsForeign(ctx)) {
		return
	}
	h.counters.AddOpen(connectionsErrors, errorType)
	if !h.state.Stopped() {
		h.reports.dialFailed(errorType, reason, h.state.Now())
	}
}
