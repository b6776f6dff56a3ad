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
	"go.opentelemetry.io/otel/metric"
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
	success []metric.RecordOption // operation.duration and returned_rows
	use     []metric.RecordOption // use_time

	// failures maps an error type to its options. The map is replaced, never changed, so that readers need no lock.
	failures atomic.Pointer[map[string][]metric.RecordOption]

	// misused tells which misuses of a connection have been logged for it.
	misused [closedBusy + 1]atomic.Bool

	set, useSet attribute.Set
	failureSets []attribute.Set // guarded by operations.mu
}

// operations is the closed set of a pool's operation names. Look-ups take no lock; it is safe for concurrent use.
type operations struct {
	fromUser func(ctx context.Context, sql string) string
	limit    int
	base     []attribute.KeyValue // operation.duration's attributes without those of an operation
	useBase  []attribute.KeyValue // use_time's

	texts  textCache
	other  *operation
	capped *operation // recorded like other, told apart so that it can be counted

	mu       sync.Mutex // held to change names or the failures of an operation
	names    atomic.Pointer[map[string]*operation]
	failures int // pairs in use

	folded atomic.Int64 // how often capped was recorded
}

func newOperations(c config, base, useBase []attribute.KeyValue) *operations {
	o := &operations{fromUser: c.operationName, limit: c.operationLimit, base: base, useBase: useBase}
	o.other, o.capped = o.newOperation(OtherOperation), o.newOperation(OtherOperation)
	o.names.Store(&map[string]*operation{OtherOperation: o.other})
	return o
}

// forQuery gives the operation of one query.
func (o *operations) forQuery(ctx context.Context, sql string) *operation {
	if name := o.chosen(ctx, sql); name != "" {
		return o.named(name)
	}
	t := o.text(sql)
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
		return o.forQuery(ctx, s.text(queries[0].SQL))
	}
	caller := operationName(ctx)
	if caller != "" && o.fromUser == nil {
		return o.named(caller)
	}
	if len(queries) == 0 {
		return o.named("BATCH")
	}
	first := o.name(ctx, s.text(queries[0].SQL))
	for i, q := range queries[1:] {
		// Batches mostly repeat one text, which then needs no look-up.
		if q.SQL != queries[i].SQL && o.name(ctx, s.text(q.SQL)) != first {
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
func (o *operations) name(ctx context.Context, sql string) string {
	if name := o.chosen(ctx, sql); name != "" {
		return name
	}
	return o.text(sql).name
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
	return append(durations, o.capped.failureSets...), uses
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
	if len(names) > o.limit { // _OTHER is one of them and does not count
		return o.capped
	}
	op := o.newOperation(sanitize(name))
	names = maps.Clone(names)
	names[strings.Clone(name)] = op
	o.names.Store(&names)
	return op
}

func (o *operations) newOperation(name string) *operation {
	summary := semconv.DBQuerySummary(name)
	op := &operation{name: name, set: newSet(o.base, summary), useSet: newSet(o.useBase, summary)}
	op.success, op.use = recordOptions(op.set), recordOptions(op.useSet)
	op.failures.Store(&map[string][]metric.RecordOption{})
	return op
}

// count notes that op was recorded.
func (o *operations) count(op *operation) {
	if op == o.capped {
		o.folded.Add(1)
	}
}

// failure gives the options to record op with when it failed.
func (o *operations) failure(op *operation, f failure) []metric.RecordOption {
	if opts := (*op.failures.Load())[f.errorType]; opts != nil {
		return opts
	}
	return o.addFailure(op, f)
}

func (o *operations) addFailure(op *operation, f failure) []metric.RecordOption {
	o.mu.Lock()
	defer o.mu.Unlock()
	failures := *op.failures.Load()
	if o.failures >= maxFailureSeries {
		f = failure{errorType: errorTypeOther}
	}
	if opts := failures[f.errorType]; opts != nil {
		return opts
	}
	attrs := []attribute.KeyValue{semconv.DBQuerySummary(op.name), semconv.ErrorTypeKey.String(f.errorType)}
	if f.sqlState {
		attrs = append(attrs, semconv.DBResponseStatusCode(f.errorType))
	}
	set := newSet(o.base, attrs...)
	opts := recordOptions(set)
	op.failureSets = append(op.failureSets, set)
	failures = maps.Clone(failures)
	failures[f.errorType] = opts
	op.failures.Store(&failures)
	o.failures++
	return opts
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

func recordOptions(set attribute.Set) []metric.RecordOption {
	return []metric.RecordOption{metric.WithAttributeSet(set)}
}
