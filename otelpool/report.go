package otelpool

import (
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// nestedInterval keeps a pool that is deadlocked from logging a line for each request.
const nestedInterval = time.Second

// dialFailInterval is how far apart the lines of failed dials are that are not a pgxpool's.
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
	misused      sync.Map     // set of the misuses already logged; bounded, because the number of operations is
}

// misuse is what was wrong at a release, and the operation responsible.
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

// longHoldEnded logs that a connection was released after it had been held past the threshold.
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

// dialFailed logs that a connection could not be opened, once until one is opened. reason is "" if it is not known, and
// must contain no secret.
func (r *reports) dialFailed(errorType, reason string, now time.Duration) {
	if r.dialFails.Swap(true) {
		return
	}
	r.dialFailedAt.Store(int64(now))
	attrs := []slog.Attr{slog.String("pool", r.pool), slog.String("error_type", errorType)}
	if reason != "" {
		attrs = append(attrs, slog.String("reason", reason))
	}
	r.log.warn("connection could not be opened", append(attrs, slog.String("advice", "further failures are only counted, until one is opened"))...)
}

// foreignPool logs that the pool's configuration was copied, and that another pool was built from the copy.
func (r *reports) foreignPool() {
	r.log.warn("another pool has this pool's hooks: its events are not recorded", slog.String("pool", r.pool),
		slog.String("advice", "call Instrument once for each pool, on a configuration that is not instrumented"))
}

// notRegistered logs that a pool is used for which Register was not called.
func (r *reports) notRegistered() {
	r.log.warn("pool is used but not registered: its gauges and counters are missing", slog.String("pool", r.pool),
		slog.String("advice", "call Register of what Instrument returned, with the pool"))
}

// noPool logs that connections are used that no pool has.
func (r *reports) noPool() {
	r.log.warn("connections are used without a pool: only their durations are measured", slog.String("pool", r.pool),
		slog.String("advice", "make the pool of the configuration that is instrumented; if it is a sql.DB's own, call sqldb.Register"))
}

// sharedDefaultName logs that several pools have the name that they were given because none was chosen.
func sharedDefaultName(c config, name string) {
	log := logQueue{logger: c.logger} // a pool without hooks has no reports
	log.warn("several pools have the default name: they are reported as one", slog.String("pool", name),
		slog.String("advice", "name each by WithPoolName; if they are to be one, give all the same name"))
}

// dialed notes that a connection was opened.
func (r *reports) dialed() {
	if r.dialFails.Load() {
		r.dialFails.Store(false)
	}
}

// dialedOutside notes that a connection was opened that is not a pgxpool's. Its dial ends with the deadline of its caller,
// so that some fail and some do not, all the time: such an outage is logged once a minute.
func (r *reports) dialedOutside(now time.Duration) {
	if now-time.Duration(r.dialFailedAt.Load()) >= dialFailInterval {
		r.dialed()
	}
}

// misuse logs, once per operation and reason, that a connection was released in a state in which pgx must close it. That
// is a bug of the program, which pgx hides.
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
		"commit or roll back, and close rows and batches, before the release; further cases of this operation are only counted"))...)
}

// responsible returns the operation to which a hold is attributed: the name of its caller or scope, else what ran last.
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
