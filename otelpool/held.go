package otelpool

import (
	"encoding/json"
	"runtime"
	"time"

	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// Hold is a connection that has been acquired and not released.
type Hold struct {
	// Since is when Acquire returned, by the current setting of the system clock. Age is the time since then.
	Since time.Time
	Age   time.Duration

	// Operation is the name of the unit of work that holds the connection: the name set by WithOperation in the context
	// of Acquire, else the name of its scope (WithScope), else the name of the first operation of the hold that does
	// more than control a transaction or change settings; "" if there is none.
	Operation string

	// Query is the name of the operation that runs on the connection, or ran last; "" if there was none. Running
	// reports whether it is running and the program waits for the server. ResultOpen reports whether its rows or batch
	// are open while the program does something else: it reads them slowly, or has forgotten to close them. If the
	// configuration's BuildFrontend was replaced after Instrument, ResultOpen is always false, and Running is true in
	// both cases.
	//
	// pgx does not report calls of methods of pgconn.PgConn (Exec, pipelines, CopyTo). While the program waits for the
	// server in such a call, Running is true and Query is "". The same holds for WaitForNotification, unless an
	// operation of the hold was a LISTEN: then the connection counts as idle.
	Query               string
	Running, ResultOpen bool

	// InTransaction reports whether a transaction was open when the last operation ended.
	InTransaction bool

	// MaybeHijacked reports whether the connection may have been hijacked and so is no longer held: at least one of
	// several was, and it is not known which. See [Hijack].
	MaybeHijacked bool

	// Nested reports whether the goroutine already held another connection of the pool in the same scope, see
	// WithScope.
	Nested bool

	// ProcessID is the ID of the server process of the connection, as in pg_stat_activity. Behind a proxy such as
	// PgBouncer it is not the server's.
	ProcessID uint32

	// TraceID is the trace ID of the context of Acquire, invalid if there was none.
	TraceID trace.TraceID

	// Stack is the stack that acquired the connection. It begins at the caller of pgxpool, or of the library that
	// called pgxpool (see WithStackSkip), and has that function and at least three callers, if there are so many. If an
	// earlier hold acquired there exceeded the threshold of WithLongHold, it reaches to the outermost function of the
	// program. It is nil without WithLongHold.
	Stack []runtime.Frame
}

// MarshalJSON returns a JSON object with keys such as "in_transaction". It omits fields that are empty or false. The
// age is "age_seconds", in seconds, and the stack is a list of strings such as "main.handle (shop/main.go:12)".
func (h Hold) MarshalJSON() ([]byte, error) {
	out := struct {
		Since         time.Time `json:"since"`
		AgeSeconds    float64   `json:"age_seconds"`
		Operation     string    `json:"operation,omitempty"`
		Query         string    `json:"query,omitempty"`
		Running       bool      `json:"running,omitempty"`
		ResultOpen    bool      `json:"result_open,omitempty"`
		InTransaction bool      `json:"in_transaction,omitempty"`
		MaybeHijacked bool      `json:"maybe_hijacked,omitempty"`
		Nested        bool      `json:"nested,omitempty"`
		ProcessID     uint32    `json:"process_id,omitempty"`
		TraceID       string    `json:"trace_id,omitempty"`
		Stack         []string  `json:"stack,omitempty"`
	}{
		h.Since, h.Age.Seconds(), h.Operation, h.Query, h.Running, h.ResultOpen, h.InTransaction, h.MaybeHijacked, h.Nested, h.ProcessID, "", nil,
	}
	if h.TraceID.IsValid() {
		out.TraceID = h.TraceID.String()
	}
	out.Stack = formatEach(h.Stack)
	return json.Marshal(out)
}

// Held returns the connections that are held now, the longest held first. It does not disturb the goroutines that hold
// them, and costs about a microsecond per connection. It returns nil before Register, for a pool without hooks, and if
// there is neither a reader nor WithLongHold. After Unregister it returns the earlier holds that have not ended.
//
// Held does not list connections acquired by AcquireAllIdle or hijacked connections, see [Hijack].
func (i *Instrumentation) Held() []Hold {
	o := i.registered()
	if o == nil || o.hooks == nil {
		return nil
	}
	s := o.hooks.state.Snapshot(o.stat)
	var held []Hold
	for _, h := range s.Holds {
		d := o.hooks.reports.describe(h, s.Now)
		d.TraceID = traceOf(h.Acquire)
		held = append(held, d)
	}
	return held
}

// registered returns the pool that was registered, nil if there is none.
func (i *Instrumentation) registered() *observed {
	if i == nil {
		return nil
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.observed
}

// traceOf returns the trace that an acquire belongs to.
func traceOf(a *poolstate.Acquire) trace.TraceID { return spanOf(a).TraceID() }

// spanOf returns the span in which an acquire began. Call it only to show the span: the Value method of the context may
// be slow, and the context may have been reused by another request.
func spanOf(a *poolstate.Acquire) trace.SpanContext { return spanFrom(a.Context) }

// noTrace is traceOf where traces are not shown.
func noTrace(*poolstate.Acquire) trace.TraceID { return trace.TraceID{} }

// describe returns the Hold of a hold, without its trace.
func (r *reports) describe(h poolstate.Hold, now time.Duration) Hold {
	age, does := now-h.Since, h.Conn.Activity()
	return Hold{
		Since:         time.Now().Add(-age).Round(0),
		Age:           age,
		Operation:     nameOf(r.operations, h.Unit()),
		Query:         nameOf(r.operations, does.Last),
		Running:       does.Running,
		ResultOpen:    does.Open,
		InTransaction: does.InTransaction,
		MaybeHijacked: h.MaybeHijacked,
		Nested:        h.Nested(),
		ProcessID:     h.Conn.Origin().ProcessID,
		Stack:         resolve(h.Stack(), r.skip),
	}
}

// nameOf returns the name of an operation, "" if there is none.
func nameOf(operations *instruments.Operations, id poolstate.Operation) string {
	if op := operations.ByID(uint32(id)); op != nil {
		return op.Name
	}
	return ""
}
