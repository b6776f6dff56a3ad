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

// DefaultLimit is how many distinct names of each source a pool tells apart. Together with maxFailureSeries it keeps a pool
// below the 2000 attribute sets that the SDK keeps of an instrument.
const DefaultLimit = 200

// maxFailureSeries is how many pairs of operation and error type a pool tells apart. A server may raise any SQLSTATE;
// those of further pairs become _OTHER.
const maxFailureSeries = 500

// Operation is a name and its series: of an operation, of a unit of work, or of both. Everything that a hook needs to record
// it is made here, once.
type Operation struct {
	Name string
	ID   uint32 // the operation's number in its pool, from 1

	// Capped tells that it stands for the names beyond the limit. Its name is _OTHER, as that of an unreadable text is.
	Capped bool

	// Control tells that it controls transactions or settings, so that a hold is not named by it.
	Control bool

	Duration Series[float64] // of operations that succeeded
	Use      Series[float64] // of holds whose unit of work it is
	Rows     Series[int64]   // not set unless returned rows are recorded

	// failures maps an error type to its series, nil before the first. The map is replaced, never changed, so that readers
	// need no lock.
	failures atomic.Pointer[map[string]*Series[float64]]

	set, useSet attribute.Set
	failureSets []attribute.Set // guarded by Operations.mu
}

// OperationsConfig is how a pool names its operations.
type OperationsConfig struct {
	Histograms         Histograms
	Limit              int                                          // of distinct names of each source
	FromUser           func(ctx context.Context, sql string) string // nil if the user has none
	DurationAttributes []attribute.KeyValue                         // of operation.duration, without an operation's
	UseAttributes      []attribute.KeyValue                         // of use_time, without an operation's
}

// Operations is the closed set of a pool's operation names. Look-ups take no lock.
type Operations struct {
	config OperationsConfig
	texts  textCache

	mu       sync.Mutex // held to change what follows, or the failures of an operation
	names    atomic.Pointer[map[string]*Operation]
	byID     atomic.Pointer[[]*Operation]
	count    [sourceCount]int // names in use
	capped   *Operation       // nil until a limit is reached
	failures int              // pairs in use
}

// NewOperations returns a set without names.
func NewOperations(c OperationsConfig) *Operations {
	o := &Operations{config: c}
	o.names.Store(&map[string]*Operation{})
	o.byID.Store(&[]*Operation{nil})
	return o
}

// ByID returns the operation of that number, nil for 0 and for a number of another pool.
func (o *Operations) ByID(id uint32) *Operation {
	if all := *o.byID.Load(); int(id) < len(all) {
		return all[id]
	}
	return nil
}

// ForQuery returns the operation of one query.
func (o *Operations) ForQuery(ctx context.Context, s Statement) *Operation {
	if name := o.chosen(ctx, s.SQL); name != "" {
		return o.Named(Name{name, Chosen})
	}
	if s.Name.Text != "" {
		return o.Named(s.Name)
	}
	t := o.text(s.SQL)
	if op := t.op.Load(); op != nil {
		return op
	}
	op := o.Named(t.name)
	t.op.Store(op)
	return op
}

// ForBatch returns the operation of a batch of queries that all have that name, which is "BATCH name", or for no name
// "BATCH".
func (o *Operations) ForBatch(name Name) *Operation {
	switch name.Text {
	case "":
		return o.Named(Name{"BATCH", Summarized})
	case OtherOperation:
		return o.Named(name)
	}
	return o.Named(Name{"BATCH " + name.Text, name.Source})
}

// ForCopy returns the operation of a CopyFrom.
func (o *Operations) ForCopy(ctx context.Context, table []string) *Operation {
	summary := sqlname.Copy(table)
	if name := o.chosen(ctx, summary); name != "" {
		return o.Named(Name{name, Chosen})
	}
	return o.Named(Name{summary, Summarized})
}

// ForPrepare returns the operation of a Prepare that the caller asked for: "PREPARE name", so that the operation itself
// counts its executions alone. It counts as a summary, to leave the limit of chosen names to what is executed.
func (o *Operations) ForPrepare(ctx context.Context, sql string) *Operation {
	return o.Named(Name{"PREPARE " + o.Name(ctx, Statement{SQL: sql}).Text, Summarized})
}

// Name returns the name of one query: the caller's, else the user's function's, else the text's.
func (o *Operations) Name(ctx context.Context, s Statement) Name {
	if name := o.chosen(ctx, s.SQL); name != "" {
		return Name{name, Chosen}
	}
	if s.Name.Text != "" {
		return s.Name
	}
	return o.text(s.SQL).name
}

// chosen returns the name that the caller chose, else the user's function, "" if neither did.
func (o *Operations) chosen(ctx context.Context, sql string) string {
	name := NameFrom(ctx)
	if name == "" && o.config.FromUser != nil {
		return o.callUser(ctx, sql)
	}
	return name
}

// callUser calls the user's function. It returns _OTHER if that panics, so that the caller's request goes on.
func (o *Operations) callUser(ctx context.Context, sql string) (name string) {
	defer func() {
		if recover() != nil {
			name = OtherOperation
		}
	}()
	return o.config.FromUser(ctx, sql)
}

// text returns what is known of a text, which is read once.
func (o *Operations) text(sql string) *text {
	sql = sqlname.Read(sql) // so that hashing a long text costs no more than reading it
	if t := o.texts.get(sql); t != nil {
		return t
	}
	t := &text{name: nameOf(sql)}
	o.texts.put(sql, t)
	return t
}

// Named returns the operation of that name, or the capped one if its source has too many names. A name that has several
// sources counts towards the limit of the first.
func (o *Operations) Named(name Name) *Operation {
	if len(name.Text) > maxNameLength {
		name.Text = Sanitize(name.Text) // so that the table never holds more of it
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
	other := name.Text == OtherOperation // counts towards no limit
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
	names = maps.Clone(names)
	names[strings.Clone(name.Text)] = op
	o.names.Store(&names)
	return op
}

// newOperation makes an operation and gives it a number. The caller must hold the lock.
func (o *Operations) newOperation(name string) *Operation {
	summary := semconv.DBQuerySummary(name)
	op := &Operation{
		Name:    name,
		Control: sqlname.Control(name),
		set:     NewSet(o.config.DurationAttributes, summary),
		useSet:  NewSet(o.config.UseAttributes, summary),
	}
	op.Duration, op.Use = NewSeries(o.config.Histograms.Duration, op.set), NewSeries(o.config.Histograms.Use, op.useSet)
	if o.config.Histograms.Rows != nil {
		op.Rows = newInt64Series(o.config.Histograms.Rows, op.set)
	}
	all := *o.byID.Load()
	op.ID = uint32(len(all))
	all = append(all, op) // beyond what a reader of the old slice sees
	o.byID.Store(&all)
	return op
}

// Failure returns the series in which op is recorded when it failed.
func (o *Operations) Failure(op *Operation, f Failure) *Series[float64] {
	if known := op.failure(f); known != nil {
		return known
	}
	return o.addFailure(op, f)
}

// failure returns the series of a failure that was seen before, nil if it was not.
func (op *Operation) failure(f Failure) *Series[float64] {
	if known := op.failures.Load(); known != nil {
		return (*known)[f.ErrorType]
	}
	return nil
}

func (o *Operations) addFailure(op *Operation, f Failure) *Series[float64] {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.failures >= maxFailureSeries {
		f = Failure{ErrorType: ErrorTypeOther}
	}
	if known := op.failure(f); known != nil {
		return known
	}
	attrs := []attribute.KeyValue{semconv.DBQuerySummary(op.Name), semconv.ErrorTypeKey.String(f.ErrorType)}
	if f.SQLState {
		attrs = append(attrs, semconv.DBResponseStatusCode(f.ErrorType))
	}
	set := NewSet(o.config.DurationAttributes, attrs...)
	added := NewSeries(o.config.Histograms.Duration, set)
	op.failureSets = append(op.failureSets, set)
	failures := map[string]*Series[float64]{f.ErrorType: &added}
	if known := op.failures.Load(); known != nil {
		maps.Copy(failures, *known)
	}
	op.failures.Store(&failures)
	o.failures++
	return &added
}

// sets returns the attribute sets of all series that may have been recorded to: those of operation.duration, failures
// among them, and those of use_time.
func (o *Operations) sets() (durations, uses []attribute.Set) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, op := range (*o.byID.Load())[1:] {
		durations = append(append(durations, op.set), op.failureSets...)
		uses = append(uses, op.useSet)
	}
	return durations, uses
}
