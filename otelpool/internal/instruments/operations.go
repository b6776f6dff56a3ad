package instruments

import (
	"context"
	"maps"
	"strings"
	"sync"
	"sync/atomic"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	"github.com/otelpool/otelpool-go/internal/sqlname"
)

// DefaultLimit is how many distinct names of each source a pool records. Together with maxFailureSeries it keeps a pool
// below the SDK's limit of 2000 attribute sets of an instrument.
const DefaultLimit = 200

// maxFailureSeries is how many pairs of operation and error type a pool records. A server may raise any SQLSTATE; the
// error types of further pairs become _OTHER.
const maxFailureSeries = 500

// Operation is the name of an operation, a unit of work, or both, and its series. Everything that a hook needs to
// record it is created here, once.
type Operation struct {
	Name string
	ID   uint32 // the operation's number in its pool, from 1

	// Capped reports whether it stands for the names beyond the limit. Its name is _OTHER, like that of an unreadable
	// text.
	Capped bool

	// Control reports whether it controls transactions or settings, and so does not name a hold.
	Control bool

	Duration Series[float64] // of operations that succeeded
	Use      Series[float64] // of holds whose unit of work it is
	Rows     Series[int64]   // not set unless returned rows are recorded

	// failures maps an error type to its series, nil before the first. The map is replaced, never changed, so that readers
	// need no lock.
	failures atomic.Pointer[map[string]*Failed]

	key    string // in the table of names, "" for the capped one
	work   work
	counts counts
}

// OperationsConfig configures how a pool names its operations.
type OperationsConfig struct {
	Histograms         Histograms
	Limit              int                                          // of distinct names of each source
	FromUser           func(ctx context.Context, sql string) string // nil if the user has none
	DurationAttributes []attribute.KeyValue                         // of operation.duration, without an operation's
	UseAttributes      []attribute.KeyValue                         // of use_time, without an operation's
}

// Operations is the closed set of a pool's operation names. Look-ups take no lock.
type Operations struct {
	config  OperationsConfig
	texts   textCache
	unnamed Operation // of holds that have no unit of work

	mu     sync.Mutex // held to change what follows, or the failures of an operation
	names  atomic.Pointer[map[string]*Operation]
	byID   atomic.Pointer[[]*Operation]
	count  [sourceCount]int // names in use
	capped *Operation       // nil until a limit is reached
	failed []*Failed        // of all operations; only ever appended to
}

// NewOperations returns a set without names.
func NewOperations(c OperationsConfig) *Operations {
	o := &Operations{config: c}
	o.unnamed.Use = NewSeries(c.Histograms.Use, NewSet(c.UseAttributes))
	o.names.Store(&map[string]*Operation{})
	o.byID.Store(&[]*Operation{nil})
	return o
}

// ByID returns the operation with that number, nil for 0 and for a number of another pool.
func (o *Operations) ByID(id uint32) *Operation {
	if all := *o.byID.Load(); int(id) < len(all) {
		return all[id]
	}
	return nil
}

// Unit returns the unit of work with that number. For 0, and for a number of another pool, it returns that of holds
// without a unit of work.
func (o *Operations) Unit(id uint32) *Operation {
	if op := o.ByID(id); op != nil {
		return op
	}
	return &o.unnamed
}

// ForQuery returns the operation of one query, and whether its text begins to listen for notifications. recent belongs
// to its connection.
func (o *Operations) ForQuery(ctx context.Context, s *Statement, recent *Recent) (op *Operation, listens bool) {
	if name := o.chosen(ctx, s.SQL); name != "" {
		if op = recent.named(o, name); op == nil {
			op = o.remember(Name{Text: name, Source: Chosen}, recent)
		}
		return op, Listens(s.SQL)
	}
	if s.Name.Text != "" {
		return o.NamedOn(s.Name, recent), Listens(s.SQL)
	}
	recent.begin(o)
	at := recent.text(len(s.SQL))
	t := *at
	if t == nil || t.sql != s.SQL {
		t = o.text(s.SQL)
		if len(s.SQL) <= maxRecentText {
			*at = t
		}
	}
	if op := t.op.Load(); op != nil {
		return op, t.listens
	}
	op = o.Named(t.name)
	t.op.Store(op)
	return op, t.listens
}

// NamedOn is like Named, but checks the recent names of a connection first.
func (o *Operations) NamedOn(name Name, recent *Recent) *Operation {
	if op := recent.named(o, name.Text); op != nil {
		return op
	}
	return o.remember(name, recent)
}

// remember is like Named, and adds the name to the recent ones of a connection.
func (o *Operations) remember(name Name, recent *Recent) *Operation {
	recent.begin(o)
	op := o.Named(name)
	*recent.name(len(name.Text)) = op
	return op
}

// BatchName returns the name of a batch of queries with that name: "BATCH name", or "BATCH" if it is empty.
func BatchName(name Name) Name {
	switch name.Text {
	case "":
		return Name{Text: "BATCH", Source: Summarized}
	case OtherOperation:
		return name
	}
	return name.after("BATCH")
}

// NameOfBatchOfOne returns the name of a batch of one query. By the semantic conventions it is that of the query. A
// sqlc batch of any length is "BATCH name", because otherwise one sqlc query would be two operations.
func (o *Operations) NameOfBatchOfOne(ctx context.Context, s Statement) Name {
	name := o.Name(ctx, s)
	if name.Batched {
		return name.after("BATCH")
	}
	return name
}

// CopyName returns the name of a CopyFrom.
func (o *Operations) CopyName(ctx context.Context, table []string) Name {
	summary := sqlname.Copy(table)
	if name := o.chosen(ctx, summary); name != "" {
		return Name{Text: name, Source: Chosen}
	}
	return Name{Text: summary, Source: Summarized}
}

// PrepareName returns the name of a Prepare that the caller asked for: "PREPARE name", so that the operation counts
// only its executions. It counts as a summary and leaves the limit of chosen names to what is executed.
func (o *Operations) PrepareName(ctx context.Context, sql string) Name {
	name := o.Name(ctx, Statement{SQL: sql}).after("PREPARE")
	name.Source = Summarized
	return name
}

// Name returns the name of one query: the caller's, else the user's function's, else the text's.
func (o *Operations) Name(ctx context.Context, s Statement) Name {
	if name := o.chosen(ctx, s.SQL); name != "" {
		return Name{Text: name, Source: Chosen}
	}
	if s.Name.Text != "" {
		return s.Name
	}
	return o.text(s.SQL).name
}

// TextName returns the name of a text, without asking the user's function.
func (o *Operations) TextName(sql []byte) string {
	return o.text(string(sqlname.Read(sql))).name.Text
}

// chosen returns the name that the caller chose, else the user's function, "" if neither did.
func (o *Operations) chosen(ctx context.Context, sql string) string {
	name := NameFrom(ctx)
	if name == "" && o.config.FromUser != nil {
		return o.callUser(ctx, sql)
	}
	return name
}

// callUser calls the user's function, and returns _OTHER if it panics.
func (o *Operations) callUser(ctx context.Context, sql string) (name string) {
	defer func() {
		if recover() != nil {
			name = OtherOperation
		}
	}()
	return o.config.FromUser(ctx, sql)
}

// text returns the entry of a text, which is read once.
func (o *Operations) text(sql string) *text {
	sql = sqlname.Read(sql) // so that hashing a long text costs no more than reading it
	if t := o.texts.get(sql); t != nil {
		return t
	}
	t := newText(sql)
	o.texts.put(t)
	return t
}

// SanitizedText returns the text of a statement without its literals. That of a short text is remembered.
func (o *Operations) SanitizedText(s Statement) string {
	if len(sqlname.Read(s.SQL)) < len(s.SQL) { // other texts may begin like it
		return SanitizeSQL(s.SQL)
	}
	t := o.text(s.SQL)
	if known := t.sanitized.Load(); known != nil {
		return *known
	}
	sanitized := SanitizeSQL(s.SQL)
	t.sanitized.Store(&sanitized)
	return sanitized
}

// Named returns the operation with that name, or the capped one if its source has too many names. A name with several
// sources counts toward the limit of the first.
func (o *Operations) Named(name Name) *Operation {
	if len(name.Text) > maxNameLength {
		name.Text = Sanitize(name.Text) // so that the table does not keep a longer text alive
	}
	if op := (*o.names.Load())[name.Text]; op != nil {
		return op
	}
	return o.add(name)
}

func (o *Operations) add(name Name) *Operation {
	o.mu.Lock()
	defer o.mu.Unlock()
	names := *o.names.Load()
	if op := names[name.Text]; op != nil {
		return op
	}
	other := name.Text == OtherOperation // counts toward no limit
	if !other && o.count[name.Source] >= o.config.Limit {
		if o.capped == nil {
			o.capped = o.newOperation(OtherOperation)
			o.capped.Capped = true
		}
		return o.capped
	}
	if !other {
		o.count[name.Source]++
	}
	op := o.newOperation(Sanitize(name.Text))
	op.key = strings.Clone(name.Text)
	names = maps.Clone(names)
	names[op.key] = op
	o.names.Store(&names)
	return op
}

// newOperation creates an operation with the next number. The caller must hold the lock.
func (o *Operations) newOperation(name string) *Operation {
	op := &Operation{Name: name, Control: sqlname.Control(name)}
	set := o.durationSet(name)
	op.Duration = NewSeries(o.config.Histograms.Duration, set)
	op.Use = NewSeries(o.config.Histograms.Use, o.useSet(name))
	if o.config.Histograms.Rows != nil {
		op.Rows = newInt64Series(o.config.Histograms.Rows, set)
	}
	all := *o.byID.Load()
	op.ID = uint32(len(all))
	all = append(all, op) // readers of the old slice do not see it
	o.byID.Store(&all)
	return op
}

// Failure returns the counter of op's failures of that kind.
func (o *Operations) Failure(op *Operation, f Failure) *Failed {
	if known := op.failure(f); known != nil {
		return known
	}
	return o.addFailure(op, f)
}

// failure returns the counter of a kind of failure, nil if it was not seen before.
func (op *Operation) failure(f Failure) *Failed {
	if known := op.failures.Load(); known != nil {
		return (*known)[f.ErrorType]
	}
	return nil
}

func (o *Operations) addFailure(op *Operation, f Failure) *Failed {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.failed) >= maxFailureSeries {
		f = Failure{ErrorType: ErrorTypeOther}
	}
	if known := op.failure(f); known != nil {
		return known
	}
	set := o.durationSet(op.Name, f.Attributes()...)
	added := &Failed{Operation: op, Failure: f, Duration: NewSeries(o.config.Histograms.Duration, set)}
	failures := map[string]*Failed{f.ErrorType: added}
	if known := op.failures.Load(); known != nil {
		maps.Copy(failures, *known)
	}
	op.failures.Store(&failures)
	o.failed = append(o.failed, added)
	return added
}

// durationSet returns the attributes of an operation's operation.duration, and useSet those of its use_time.
func (o *Operations) durationSet(name string, failure ...attribute.KeyValue) attribute.Set {
	return NewSet(o.config.DurationAttributes, append(failure, semconv.DBQuerySummary(name))...)
}

func (o *Operations) useSet(name string) attribute.Set {
	return NewSet(o.config.UseAttributes, semconv.DBQuerySummary(name))
}

// sets returns the attribute sets of all series that may exist: those of operation.duration, including failures, and
// those of use_time.
func (o *Operations) sets() (durations, uses []attribute.Set) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range (*o.byID.Load())[1:] {
		durations, uses = append(durations, o.durationSet(op.Name)), append(uses, o.useSet(op.Name))
	}
	for _, f := range o.failed {
		durations = append(durations, o.durationSet(f.Operation.Name, f.Attributes()...))
	}
	return durations, uses
}
