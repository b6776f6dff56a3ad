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
	// Since is when Acquire returned, by the system's clock as it is set now, and Age how long ago that is.
	Since time.Time
	Age   time.Duration

	// Operation is the unit of work that the connection is held for: the name that WithOperation put into the context of
	// Acquire, else the name of its scope (WithScope), else the name of the first operation of the hold that does more than
	// control a transaction or change settings; "" if there is none.
	Operation string

	// Query is the name of the operation that runs on the connection, or ran last; "" if none did. Running reports whether
	// it runs and the program waits for the server. ResultOpen reports whether it runs and the program does something
	// else: rows, or a batch, are open, and whoever reads them takes their time or has forgotten them. It stays false if
	// the configuration's BuildFrontend was replaced after Instrument; Running is then true for either.
	//
	// pgx does not report what is done by methods of pgconn.PgConn (Exec, pipelines, CopyTo). While the program waits for the
	// server in one, Running is true and Query "". So it is in WaitForNotification, unless an operation of the hold has begun
	// to listen: then the connection is idle.
	Query               string
	Running, ResultOpen bool

	// InTransaction reports whether a transaction was open when the last operation ended.
	InTransaction bool

	// MaybeHijacked reports whether the connection may have been hijacked and is not held any more: one was, or several were,
	// and it is not known which. See [Hijack].
	MaybeHijacked bool

	// Nested reports whether its goroutine held another connection of the pool already, see WithScope.
	Nested bool

	// ProcessID is the server's process of the connection, as in pg_stat_activity. A proxy such as PgBouncer makes it up.
	ProcessID uint32

	// TraceID is the trace of the context of Acquire, not valid if it had none.
	TraceID trace.TraceID

	// Stack is the stack that acquired the connection, from the caller of pgxpool, or of the library that called it (see
	// WithStackSkip). It has that function and three callers, and perhaps some more. If an earlier hold that was acquired there
	// has passed the threshold of WithLongHold, it reaches to the outermost function of the program. It is nil without
	// WithLongHold.
	Stack []runtime.Frame
}

// MarshalJSON returns an object of the fields with names such as "in_transaction", without those that are empty or false. The
// age is in seconds as "age_seconds", and a stack a list of texts such as "main.handle (shop/main.go:12)".
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

// Held lists the connections that are held now, the longest first. It may be called at any time, by any goroutine. It
// does not disturb those who hold them, and costs about a microsecond a connection. It returns nothing without Register,
// for a pool without hooks, and if there is neither a reader nor WithLongHold. After Unregister it lists the holds from
// before that have not ended.
//
// Connections taken by AcquireAllIdle are not known. A hijacked connection is no longer held, see [Hijack].
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

// spanOf returns the span in which an acquire began. Only what shows it may call this: the context may be slow in its Value, or
// have gone to another request.
func spanOf(a *poolstate.Acquire) trace.SpanContext { return spanFrom(a.Context) }

// noTrace is traceOf where traces are not shown.
func noTrace(*poolstate.Acquire) trace.TraceID { return trace.TraceID{} }

// describe returns what a caller may know of a hold, but for its trace.
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
