package otelpool

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/internal/sqlname"
)

const (
	// maxNameLength is the limit that the semantic conventions set for db.query.summary.
	maxNameLength = 255

	// maxFailureSeries is how many pairs of operation and error type a pool tells apart. Servers may raise any SQLSTATE
	// they like; what comes after has the error type _OTHER.
	maxFailureSeries = 500
)

// operation is what is recorded under one name. Everything a hook needs to record it is made here, once.
type operation struct {
	name    string
	success series[float64] // of operation.duration
	use     series[float64] // of use_time
	rows    series[int64]   // of returned_rows, if that is on

	// folded tells that it stands for the names past the limit: _OTHER, told apart so that it can be counted.
	folded bool

	// failures maps an error type to its series, nil before the first. The map is replaced, never changed, so that readers
	// need no lock.
	failures atomic.Pointer[map[string]*series[float64]]

	// misused tells which misuses of a connection have been logged for it.
	misused [closedBusy + 1]atomic.Bool

	// running and ended are what a connection publishes, made once.
	running, ended activity

	set, useSet attribute.Set
	failureSets []attribute.Set // guarded by operations.mu
}

// operations is the closed set of a pool's operation names. Look-ups take no lock; it is safe for concurrent use.
type operations struct {
	histograms histograms
	fromUser   func(ctx context.Context, sql string) string
	limit      int
	base       []attribute.KeyValue // operation.duration's attributes without those of an operation
	useBase    []attribute.KeyValue // use_time's

	texts textCache

	mu       sync.Mutex // held to change what follows, or the failures of an operation
	names    atomic.Pointer[map[string]*operation]
	capped   *operation // nil until the limit is reached
	failures int        // pairs in use

	folded atomic.Int64 // how often capped was recorded
}

func newOperations(c config, h histograms, base, useBase []attribute.KeyValue) *operations {
	o := &operations{histograms: h, fromUser: c.operationName, limit: c.operationLimit, base: base, useBase: useBase}
	o.names.Store(&map[string]*operation{})
	return o
}

// forQuery gives the operation of one query.
func (o *operations) forQuery(ctx context.Context, s statement) *operation {
	if name := o.chosen(ctx, s.sql); name != "" {
		return o.named(name)
	}
	if s.summary != "" {
		return o.named(s.summary)
	}
	t := o.text(s.sql)
	if op := t.op.Load(); op != nil {
		return op
	}
	op := o.named(t.name)
	t.op.Store(op)
	return op
}

// forBatch gives the operation of a batch, which is one: by the caller's name, of one query as that query, of queries
// that are all alike "BATCH name", else "BATCH" (semantic conventions, note on db.query.summary).
func (o *operations) forBatch(ctx context.Context, s *connState, queries []*pgx.QueuedQuery) *operation {
	if len(queries) == 1 {
		return o.forQuery(ctx, s.statement(queries[0].SQL))
	}
	caller := operationName(ctx)
	if caller != "" && o.fromUser == nil {
		return o.named(caller)
	}
	if len(queries) == 0 {
		return o.named("BATCH")
	}
	first := o.name(ctx, s.statement(queries[0].SQL))
	for i, q := range queries[1:] {
		// Batches mostly repeat one text, which then needs no look-up.
		if q.SQL != queries[i].SQL && o.name(ctx, s.statement(q.SQL)) != first {
			return o.named("BATCH")
		}
	}
	switch first {
	case caller, OtherOperation:
		return o.named(first)
	}
	return o.named("BATCH " + first)
}

// forCopy gives the operation of a CopyFrom.
func (o *operations) forCopy(ctx context.Context, table pgx.Identifier) *operation {
	summary := sqlname.Copy(table)
	if name := o.chosen(ctx, summary); name != "" {
		return o.named(name)
	}
	return o.named(summary)
}

// forPrepare gives the operation of a Prepare of the caller's own.
func (o *operations) forPrepare(ctx context.Context, sql string) *operation {
	if name := o.chosen(ctx, sql); name != "" {
		return o.named(name)
	}
	return o.named("PREPARE " + o.text(sql).name)
}

// name gives the name of one query: by the user's function if there is one, by the caller, by its text.
func (o *operations) name(ctx context.Context, s statement) string {
	if name := o.chosen(ctx, s.sql); name != "" {
		return name
	}
	if s.summary != "" {
		return s.summary
	}
	return o.text(s.sql).name
}

// chosen is the name that the user's function or the caller gives, "" if neither does.
func (o *operations) chosen(ctx context.Context, sql string) string {
	if o.fromUser != nil {
		if name := o.callUser(ctx, sql); name != "" {
			return name
		}
	}
	return operationName(ctx)
}

// text gives what is known of a text, which is read once.
func (o *operations) text(sql string) *text {
	if t := o.texts.get(sql); t != nil {
		return t
	}
	t := &text{name: sqlname.Of(sql)}
	o.texts.put(sql, t)
	return t
}

// sets gives the attribute sets that were recorded under: those of operation.duration, failures among them, and those
// of use_time.
func (o *operations) sets() (durations, uses []attribute.Set) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range *o.names.Load() {
		durations = append(append(durations, op.set), op.failureSets...)
		uses = append(uses, op.useSet)
	}
	if o.capped != nil {
		durations, uses = append(append(durations, o.capped.set), o.capped.failureSets...), append(uses, o.capped.useSet)
	}
	return durations, uses
}

// callUser gives what the user's function says, _OTHER if it panics: a name is not worth the caller's request.
func (o *operations) callUser(ctx context.Context, sql string) (name string) {
	defer func() {
		if recover() != nil {
			name = OtherOperation
		}
	}()
	return o.fromUser(ctx, sql)
}

// named is the operation of that name, capped if there are too many.
func (o *operations) named(name string) *operation {
	if len(name) > maxNameLength {
		name = sanitize(name) // so that the table never holds more of it
	}
	if op := (*o.names.Load())[name]; op != nil {
		return op
	}
	return o.add(name)
}

func (o *operations) add(name string) *operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := *o.names.Load()
	if op := names[name]; op != nil {
		return op
	}
	if name != OtherOperation && o.full(names) {
		if o.capped == nil {
			o.capped = o.newOperation(OtherOperation)
			o.capped.folded = true
		}
		return o.capped
	}
	op := o.newOperation(sanitize(name))
	names = maps.Clone(names)
	names[strings.Clone(name)] = op
	o.names.Store(&names)
	return op
}

// full reports whether there are as many names as may be, _OTHER aside.
func (o *operations) full(names map[string]*operation) bool {
	n := len(names)
	if names[OtherOperation] != nil {
		n--
	}
	return n >= o.limit
}

func (o *operations) newOperation(name string) *operation {
	summary := semconv.DBQuerySummary(name)
	op := &operation{name: name, set: newSet(o.base, summary), useSet: newSet(o.useBase, summary)}
	op.running, op.ended = activity{op, true}, activity{op, false}
	op.success, op.use = float64Series(o.histograms.operation, op.set), float64Series(o.histograms.use, op.useSet)
	if o.histograms.rows != nil {
		op.rows = int64Series(o.histograms.rows, op.set)
	}
	return op
}

// activity gives what a connection publishes while the operation runs and after, nil without an operation.
func (op *operation) activity(running bool) *activity {
	switch {
	case op == nil:
		return nil
	case running:
		return &op.running
	}
	return &op.ended
}

// count notes that op was recorded.
func (o *operations) count(op *operation) {
	if op.folded {
		o.folded.Add(1)
	}
}

// failure gives the series to record op to when it failed.
func (o *operations) failure(op *operation, f failure) *series[float64] {
	if known := op.failure(f); known != nil {
		return known
	}
	return o.addFailure(op, f)
}

// failure gives the series of a known failure, nil if it is new.
func (op *operation) failure(f failure) *series[float64] {
	if known := op.failures.Load(); known != nil {
		return (*known)[f.errorType]
	}
	return nil
}

func (o *operations) addFailure(op *operation, f failure) *series[float64] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures >= maxFailureSeries {
		f = failure{errorType: errorTypeOther}
	}
	if known := op.failure(f); known != nil {
		return known
	}
	attrs := []attribute.KeyValue{semconv.DBQuerySummary(op.name), semconv.ErrorTypeKey.String(f.errorType)}
	if f.sqlState {
		attrs = append(attrs, semconv.DBResponseStatusCode(f.errorType))
	}
	set := newSet(o.base, attrs...)
	added := float64Series(o.histograms.operation, set)
	op.failureSets = append(op.failureSets, set)
	failures := map[string]*series[float64]{f.errorType: &added}
	if known := op.failures.Load(); known != nil {
		maps.Copy(failures, *known)
	}
	op.failures.Store(&failures)
	o.failures++
	return &added
}

// sanitize makes a name fit to be an attribute value.
func sanitize(name string) string {
	name = strings.ToValidUTF8(name, string(utf8.RuneError))
	if len(name) <= maxNameLength {
		return strings.Clone(name)
	}
	end := maxNameLength
	for !utf8.RuneStart(name[end]) {
		end--
	}
	return strings.Clone(name[:end])
}

// newSet makes a set of a copy: attribute.NewSet sorts what it is given in place.
func newSet(base []attribute.KeyValue, more ...attribute.KeyValue) attribute.Set {
	all := make([]attribute.KeyValue, 0, len(base)+len(more))
	return attribute.NewSet(append(append(all, base...), more...)...)
}
