package otelpool

import (
	"runtime"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// Hold is a connection that has been acquired and not released.
type Hold struct {
	// Since is when Acquire returned, and Age how long ago that is.
	Since time.Time
	Age   time.Duration

	// Operation is the unit of work that the connection is held for: the name that WithOperation put into the context of
	// Acquire, else the name of its scope (WithScope), else the name of the first operation of the hold that does more than
	// control a transaction or change settings; "" if there is none.
	Operation string

	// Query is the name of the operation that runs on the connection, or ran last; "" if none did. Running reports whether
	// it runs.
	Query   string
	Running bool

	// Nested reports whether its caller held another connection of the pool already, see WithScope.
	Nested bool

	// TraceID is the trace of the context of Acquire, not valid if it had none.
	TraceID trace.TraceID

	// Stack is the stack that acquired the connection, from the caller of pgxpool or database/sql to the outermost function
	// of the program. It is nil without WithLongHold.
	Stack []runtime.Frame
}

// Held lists the connections that are held now, the longest first. It may be called at any time, by any goroutine. It
// does not disturb those who hold them, and costs about a microsecond a connection. It returns nothing without Register,
// for a pool without hooks, and if there is neither a reader nor WithLongHold. After Unregister it lists the holds from
// before that have not ended.
//
// Connections taken by AcquireAllIdle are not known. A hijacked connection is no longer held. pgx does not say which one
// was hijacked, so while there is one, as many of the oldest holds as were hijacked are left out.
func (i *Instrumentation) Held() []Hold {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	o := i.observed
	i.mu.Unlock()
	if o == nil || o.hooks == nil {
		return nil
	}
	s := o.hooks.state.Reconcile(o.stat) // so that hijacked connections are noticed
	var held []Hold
	for _, h := range s.Holds {
		held = append(held, describe(h, s.Now, o.hooks.operations))
	}
	return held
}

// describe returns what a caller may know of a hold.
func describe(h poolstate.Hold, now time.Duration, operations *instruments.Operations) Hold {
	d := Hold{
		Since:   epoch.Add(h.Since).Round(0),
		Age:     now - h.Since,
		Nested:  h.Nested(),
		TraceID: trace.SpanContextFromContext(h.Acquire.Context).TraceID(),
		Stack:   resolve(h.Stack()),
	}
	if op := operations.ByID(uint32(h.Unit())); op != nil {
		d.Operation = op.Name
	}
	id, running := h.Conn.Activity()
	if op := operations.ByID(uint32(id)); op != nil {
		d.Query, d.Running = op.Name, running
	}
	return d
}
