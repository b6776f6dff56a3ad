package otelpool

import (
	"context"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
	"github.com/otelpool/otelpool-go/otelpool/internal/spans"
)

// The attributes of an acquire's span: the seconds that it spent in each phase, and the kind of its link.
const (
	queuePhaseKey   = attribute.Key("pgxpool.acquire.queue")
	connectPhaseKey = attribute.Key("pgxpool.acquire.connect")
	pingPhaseKey    = attribute.Key("pgxpool.acquire.ping")
	preparePhaseKey = attribute.Key("pgxpool.acquire.prepare")
	linkKey         = attribute.Key("pgxpool.link")
)

// watch makes the state record the phases of an acquire that may have a span.
func (t *tracing) watch(a *poolstate.Acquire) {
	if t.acquireFrom != never && t.wanted(a.Context) {
		a.Phases = new(poolstate.Phases)
	}
}

// acquired creates the span of an acquire that has ended, if it took at least the threshold, and returns a context with
// that span. It cannot begin earlier, because the duration decides whether there is a span. holder is the span of the
// work that released the connection to the acquire.
func (t *tracing) acquired(a *poolstate.Acquire, waited time.Duration, holder trace.SpanContext, err error) context.Context {
	if a.Phases == nil || waited < t.acquireFrom {
		return a.Context
	}
	queue := waited
	phase := func(p poolstate.Phase) float64 {
		in := time.Duration(a.Phases[p].Load())
		queue -= in
		return in.Seconds()
	}
	attrs := []attribute.KeyValue{
		connectPhaseKey.Float64(phase(poolstate.Connect)), pingPhaseKey.Float64(phase(poolstate.Ping)), preparePhaseKey.Float64(phase(poolstate.Prepare)),
	}
	attrs = append(attrs, queuePhaseKey.Float64(max(0, queue).Seconds()))
	if queue < t.acquireFrom { // the release was not what it waited for
		holder = trace.SpanContext{}
	}
	ctx, span := t.tracer.Begin(a.Context, t.acquire, spans.Details{
		Attributes: attrs, Ago: waited, Link: holder, LinkKind: linkKey.String("holder"),
	})
	if span != nil {
		spans.End(span, failureOf(err))
	}
	return ctx
}

// noteHolder remembers the span of the work that released a connection while callers wait, so that the next acquire of
// the connection can link to it.
func (h *hooks) noteHolder(c *conn, a *poolstate.Acquire) {
	if h.tracing.acquireFrom != never && h.state.Waiting() {
		c.holder = spanOf(a)
	}
}

// waitedFor returns the span of the work that released a connection to a waiting acquire, and forgets it.
func (c *conn) waitedFor() trace.SpanContext {
	of := c.holder
	if of.IsValid() {
		c.holder = trace.SpanContext{}
	}
	return of
}
