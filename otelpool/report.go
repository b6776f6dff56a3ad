package otelpool

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// nestedInterval keeps a deadlocked pool from logging a line for each request.
const nestedInterval = time.Second

// dialFailInterval is the minimum time between two lines about failed dials outside of a pgxpool.
const dialFailInterval = time.Minute

// reports writes the log lines about one pool. It is safe for concurrent use.
type reports struct {
	pool       string
	operations *instruments.Operations
	skip       []string // of WithStackSkip
	log        logQueue
	lastNested atomic.Int64 // when a nested acquire was last logged
	slow       slowLog

	slowQueries  slowQueries
	dialFails    atomic.Bool  // the last dial failed
	dialFailedAt atomic.Int64 // when that was last logged
	misused      sync.Map     // set of the misuses already logged; bounded, because operations are
}

// misuse is what was wrong in a release, and the responsible operation.
type misuse struct {
	why poolstate.CloseReason
	by  *instruments.Operation
}

func newReports(pool string, operations *instruments.Operations, c config) *reports {
	return &reports{pool: pool, operations: operations, skip: c.stackSkip, log: logQueue{logger: c.logger}}
}

// longHold logs a hold that has passed the threshold.
func (r *reports) longHold(h poolstate.Hold, age time.Duration) {
	r.log.warn("connection held for long", r.attrs(h, age)...)
}

// longHoldEnded logs that a connection was released after a hold that exceeded the threshold.
func (r *reports) longHoldEnded(h poolstate.Hold, age time.Duration) {
	r.log.warn("connection released after a long hold", r.attrs(h, age)...)
}

// nestedAcquire logs that an acquire waits while its scope holds a connection, at most once a second.
func (r *reports) nestedAcquire(outer poolstate.Hold, now time.Duration) {
	last := time.Duration(r.lastNested.Load())
	if last != 0 && now-last < nestedInterval || !r.lastNested.CompareAndSwap(int64(last), int64(now)) {
		return
	}
	var age time.Duration
	if outer.Since != 0 { // 0 if the outer hold has just ended
		age = now - outer.Since
	}
	attrs := append(r.attrs(outer, age), slog.String("waiting_stack", formatStack(callers(), r.skip)))
	r.log.warn("acquire waits while its scope holds a connection of the same pool", attrs...)
}

// dialFailed logs that a connection could not be opened, only once until one is opened. reason must contain no secret;
// it is "" if unknown.
func (r *reports) dialFailed(errorType, reason string, now time.Duration) {
	if r.dialFails.Swap(true) {
		return
	}
	r.dialFailedAt.Store(int64(now))
	attrs := []slog.Attr{slog.String("pool", r.pool), slog.String("error_type", errorType)}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	r.log.warn("connection could not be opened", append(attrs, slog.String("advice", "further failures are counted but not logged, until a connection is opened"))...)
}

// foreignPool logs that the pool's configuration was copied, and that another pool was built from the copy.
func (r *reports) foreignPool() {
	r.log.warn("another pool has this pool's hooks: its events are not recorded", slog.String("pool", r.pool),
		slog.String("advice", "call Instrument once for each pool, on a configuration that is not instrumented"))
}

// notRegistered logs that a pool is in use although Register was not called.
func (r *reports) notRegistered() {
	r.log.warn("pool is used but not registered: its gauges and counters are missing", slog.String("pool", r.pool),
		slog.String("advice", "pass the pool to the method Register of the Instrumentation that Instrument returned"))
}

// noPool logs that connections outside of any pool are in use.
func (r *reports) noPool() {
	r.log.warn("connections are used without a pool: only their durations are measured", slog.String("pool", r.pool),
		slog.String("advice", "create the pool from the instrumented configuration; for a sql.DB with a pool of its own, call sqldb.Register"))
}

// sharedDefaultName logs that several pools have the same default name.
func sharedDefaultName(c config, name string) {
	log := logQueue{logger: c.logger} // a pool without hooks has no reports
	log.warn("several pools have the default name: they are reported as one", slog.String("pool", name),
		slog.String("advice", "name each with WithPoolName; to report them as one, give all the same name"))
}

// dialed notes that a connection was opened.
func (r *reports) dialed() {
	if r.dialFails.Load() {
		r.dialFails.Store(false)
	}
}

// dialedOutside notes that a connection outside of a pgxpool was opened. Such a dial ends with its caller's deadline,
// so in an outage some dials may fail and others succeed for long: that is logged once a minute.
func (r *reports) dialedOutside(now time.Duration) {
	if now-time.Duration(r.dialFailedAt.Load()) >= dialFailInterval {
		r.dialed()
	}
}

// misuse logs, once per operation and reason, that a connection was released in a state in which pgx must close it: a
// bug of the program that pgx hides.
func (r *reports) misuse(why poolstate.CloseReason, h poolstate.Hold, age time.Duration) {
	var message string
	switch why {
	case poolstate.CloseInTransaction:
		message = "connection released in a transaction: pgx closes it"
	case poolstate.CloseBusy:
		message = "connection released busy, rows or a batch not closed: pgx closes it"
	default: // it was broken: not the program's doing
		return
	}
	if _, logged := r.misused.LoadOrStore(misuse{why, r.responsible(h)}, true); logged {
		return
	}
	r.log.warn(message, append(r.attrs(h, age), slog.String("advice",
		"commit or roll back, and close rows and batches, before the release; further cases of this operation are counted but not logged"))...)
}

// responsible returns the operation to which a hold is attributed: the name of its caller or scope, else the last
// operation.
func (r *reports) responsible(h poolstate.Hold) *instruments.Operation {
	id := h.Acquire.Operation
	if id == 0 {
		id = h.Conn.Activity().Last
	}
	if op := r.operations.ByID(uint32(id)); op != nil {
		return op
	}
	return r.operations.Named(instruments.Name{Text: OtherOperation})
}

// attrs describes a hold in a log line.
func (r *reports) attrs(h poolstate.Hold, age time.Duration) []slog.Attr {
	attrs := []slog.Attr{slog.String("pool", r.pool), slog.Duration("age", age)}
	if op := r.operations.ByID(uint32(h.Unit())); op != nil {
		attrs = append(attrs, slog.String("operation", op.Name))
	}
	does := h.Conn.Activity()
	if op := r.operations.ByID(uint32(does.Last)); op != nil {
		attrs = append(attrs, slog.String("query", op.Name), slog.Bool("query_running", does.Running))
	}
	if does.Open {
		attrs = append(attrs, slog.Bool("result_open", true))
	}
	if does.InTransaction {
		attrs = append(attrs, slog.Bool("in_transaction", true))
	}
	if h.MaybeHijacked {
		attrs = append(attrs, slog.Bool("may_be_hijacked", true))
	}
	if id := traceOf(h.Acquire); id.IsValid() {
		attrs = append(attrs, slog.String("trace_id", id.String()))
	}
	if stack := h.Stack(); len(stack) > 0 {
		attrs = append(attrs, slog.String("stack", formatStack(stack, r.skip)))
	}
	return attrs
}
