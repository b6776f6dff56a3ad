package otelpool

import (
	"cmp"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
	"github.com/otelpool/otelpool-go/otelpool/internal/instruments"
	"github.com/otelpool/otelpool-go/otelpool/internal/poolstate"
)

// Report describes the pool at this moment and over the last minutes. It asks no database, may be called at any time and by
// any goroutine, and costs about as much as a collection. A pool without hooks has only what [pgxpool.Stat] knows, and a
// sql.DB's own what [sql.DB.Stats] does. If no reader of metrics has collected yet, what the pool does is recorded from the
// first call on. It is the zero Report before Register.
func (i *Instrumentation) Report() diagnose.Report {
	o := i.registered()
	if o == nil {
		return diagnose.Report{}
	}
	o.asked()
	return o.report(traceOf)
}

// asked notes that somebody wants to know, so that events are recorded from now on, as those are after a collection.
func (o *observed) asked() {
	if o.hooks != nil {
		o.hooks.live.Store(true)
	}
}

// report describes the pool now.
//
// traceOf returns the trace of an acquire. It is noTrace where nobody sees the traces.
func (o *observed) report(traceOf func(*poolstate.Acquire) trace.TraceID) diagnose.Report {
	r := diagnose.Report{Version: diagnose.ReportVersion, Pool: o.name, Time: time.Now().Round(0), Settings: o.reportSettings, Holds: []diagnose.Holds{}}
	if o.database != nil {
		o.database.report(&r)
		return r
	}
	if o.hooks == nil {
		stat := o.stat()
		r.Used, r.Idle, r.Constructing = stat.Acquired, stat.Idle, stat.Constructing
		return r
	}
	s := o.hooks.state.Snapshot(o.stat)
	r.Used, r.Idle, r.Constructing, r.Closing = s.Stat.Acquired, s.Stat.Idle, s.Stat.Constructing, s.Closing
	r.Waiting, r.OldestWaitSeconds = s.Pending, s.OldestWait.Seconds()
	r.Holds = reportHolds(&s, o.hooks.reports, traceOf)
	o.history.mu.Lock()
	defer o.history.mu.Unlock()
	now := o.history.point(o, &s)
	r.LastTenSeconds = now.since(since(o.history.minute[:], 10*time.Second, s.Now))
	r.LastMinute = now.since(since(o.history.minute[:], time.Minute, s.Now))
	r.LastTenMinutes = now.since(since(o.history.ten[:], 10*time.Minute, s.Now))
	for _, p := range o.history.ten {
		if p != nil {
			r.LastTenMinutes.Peak = max(r.LastTenMinutes.Peak, p.values.Get(peakKey))
			r.LastTenMinutes.PeakWaiting = max(r.LastTenMinutes.PeakWaiting, p.values.Get(pendingPeakKey))
		}
	}
	return r
}

// reportHolds groups the holds of a snapshot by unit of work and the inner end of the stack. Whole stacks differ even
// at one place: after a long hold from there, later stacks have more callers.
func reportHolds(s *poolstate.Snapshot, of *reports, traceOf func(*poolstate.Acquire) trace.TraceID) []diagnose.Holds {
	type group struct{ operation, stack string }
	all := []diagnose.Holds{} // an empty list in JSON, not null
	var does []sampledHolds   // what those of each group do
	at := make(map[group]int)
	for _, hold := range s.Holds {
		d := of.describe(hold, s.Now)
		d.TraceID = traceOf(hold.Acquire)
		stack := formatEach(d.Stack)
		key := group{d.Operation, strings.Join(stack[:len(innerEnd(d.Stack))], "\n")}
		i, known := at[key]
		if !known {
			i = len(all)
			at[key] = i
			all, does = append(all, diagnose.Holds{Operation: d.Operation}), append(does, sampledHolds{})
		}
		if len(stack) > len(all[i].Stack) {
			all[i].Stack = stack
		}
		addHold(&all[i], d)
		does[i].add(hold.Conn.Activity())
	}
	for i, sums := range does {
		all[i].Running, all[i].ResultOpen, all[i].IdleInTransaction, all[i].IdleOutside = sums.running, sums.open, sums.inTransaction, sums.idle
	}
	slices.SortFunc(all, func(a, b diagnose.Holds) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(b.OldestSeconds, a.OldestSeconds))
	})
	return all
}

// addHold adds a hold to its group.
func addHold(r *diagnose.Holds, h Hold) {
	r.Count++
	r.OldestSeconds = max(r.OldestSeconds, h.Age.Seconds())
	if h.MaybeHijacked {
		r.MaybeHijacked++
	}
	if h.Nested {
		r.Nested++
	}
	r.ProcessIDs = append(r.ProcessIDs, h.ProcessID)
	if h.Query != "" && !slices.Contains(r.LastQueries, h.Query) {
		r.LastQueries = append(r.LastQueries, h.Query)
	}
	if id := h.TraceID.String(); h.TraceID.IsValid() && !slices.Contains(r.TraceIDs, id) {
		r.TraceIDs = append(r.TraceIDs, id)
	}
}

var (
	peakKey        = instruments.KeyOf("pgxpool.peak")
	pendingPeakKey = instruments.KeyOf("pgxpool.pending.peak")
	openedKey      = instruments.KeyOf("pgxpool.connections.opened")
	resultKeys     = keysOf("pgxpool.acquires")
	phaseKeys      = keysOf("pgxpool.acquire.phase_time")
	closedKeys     = keysOf("pgxpool.connections.closed")
	busyTime       = instruments.OpenKeyOf("pgxpool.busy_time")
	holdOperations = instruments.OpenKeyOf("pgxpool.hold.operations")
	unitsOfWork    = instruments.OpenKeyOf("pgxpool.units_of_work")
)

// keysOf returns the keys of an instrument's series by its own attribute.
func keysOf(name string) map[string]instruments.Key {
	keys := make(map[string]instruments.Key)
	for _, value := range instruments.ValuesOf(name) {
		keys[value] = instruments.KeyOf(name, value)
	}
	return keys
}

// since returns what was counted since an earlier point, which is nil if there was none.
func (p *point) since(q *point) diagnose.Period {
	if q == nil { // a period of no length
		q = p
	}
	grew := func(key instruments.Key) int64 { return p.values.Get(key) - q.values.Get(key) }
	r := diagnose.Period{
		Seconds:          (p.at - q.at).Seconds(),
		Acquires:         make(map[string]int64),
		WaitedSeconds:    make(map[string]float64),
		Peak:             p.values.Get(peakKey),
		PeakWaiting:      p.values.Get(pendingPeakKey),
		Opened:           grew(openedKey),
		OverflowOpened:   grew(overflowOpened),
		Dials:            p.dials - q.dials,
		DialSeconds:      (p.dialTime - q.dialTime).Seconds(),
		DialsFailed:      grown(p.values.Open(connectionsErrors), q.values.Open(connectionsErrors)),
		Closed:           grown(p.counts(closedKeys), q.counts(closedKeys)),
		NestedAcquires:   grew(nestedAcquires),
		LongHolds:        grew(longHolds),
		OperationsCapped: grew(operationsCapped),
	}
	for result, key := range resultKeys {
		r.Acquires[result] = grew(key)
	}
	for phase, key := range phaseKeys {
		r.WaitedSeconds[phase] = time.Duration(grew(key)).Seconds()
	}
	r.Units = p.units(q)
	r.Operations = p.operations(q)
	return r
}

// counts returns the values of series by their keys' names.
func (p *point) counts(keys map[string]instruments.Key) map[string]int64 {
	counts := make(map[string]int64, len(keys))
	for name, key := range keys {
		counts[name] = p.values.Get(key)
	}
	return counts
}

// grown returns the counts that have grown, and by how much.
func grown(now, before map[string]int64) map[string]int64 {
	var by map[string]int64
	for key, n := range now {
		if n -= before[key]; n > 0 {
			if by == nil {
				by = make(map[string]int64)
			}
			by[key] = n
		}
	}
	return by
}

// units returns what each unit of work has done since an earlier point.
func (p *point) units(q *point) []diagnose.Unit {
	all := make(map[string]*diagnose.Unit)
	unit := func(name string) *diagnose.Unit {
		if all[name] == nil {
			all[name] = &diagnose.Unit{Operation: name}
		}
		return all[name]
	}
	if samples := float64(p.samples - q.samples); samples > 0 {
		for name, sums := range p.held {
			d := sums.minus(q.held[name])
			if d.longEnded > 0 {
				unit(name).LongHoldsEnded = d.longEnded
			}
			if d.sum() > 0 {
				u := unit(name)
				u.Held = float64(d.sum()) / samples
				u.Running, u.ResultOpen = float64(d.running)/samples, float64(d.open)/samples
				u.IdleInTransaction, u.IdleOutside = float64(d.inTransaction)/samples, float64(d.idle)/samples
			}
		}
	}
	for name, n := range grown(p.values.Open(unitsOfWork), q.values.Open(unitsOfWork)) {
		unit(name).Units = n
	}
	for name, n := range grown(p.values.Open(holdOperations), q.values.Open(holdOperations)) {
		unit(name).Operations = n
	}
	for name, n := range grown(p.values.Open(busyTime), q.values.Open(busyTime)) {
		unit(name).BusySeconds = time.Duration(n).Seconds()
	}
	for c, before := range p.grownCalls(q) {
		if n := c.Nested - before.Nested; n > 0 {
			unit(c.Name).NestedAcquires = n
		}
		if n := c.InTransaction - before.InTransaction; n > 0 {
			unit(c.Name).ReleasedInTransaction = n
		}
		if n := c.Busy - before.Busy; n > 0 {
			unit(c.Name).ReleasedBusy = n
		}
	}
	list := make([]diagnose.Unit, 0, len(all))
	for _, u := range all {
		list = append(list, *u)
	}
	slices.SortFunc(list, func(a, b diagnose.Unit) int {
		return cmp.Or(cmp.Compare(b.Held, a.Held), cmp.Compare(b.BusySeconds, a.BusySeconds), cmp.Compare(a.Operation, b.Operation))
	})
	return list
}

// grownCalls returns what each operation did until p, and until q.
func (p *point) grownCalls(q *point) iter.Seq2[instruments.Calls, instruments.Calls] {
	return func(yield func(now, before instruments.Calls) bool) {
		for i, c := range p.calls {
			var before instruments.Calls
			if i < len(q.calls) {
				before = q.calls[i]
			}
			if !yield(c, before) {
				return
			}
		}
	}
}

// operations returns the calls of each operation since an earlier point.
func (p *point) operations(q *point) []diagnose.Operation {
	list := []diagnose.Operation{}
	for c, before := range p.grownCalls(q) {
		if n := c.Count - before.Count; n > 0 {
			list = append(list, diagnose.Operation{
				Operation: c.Name,
				Calls:     n,
				Seconds:   (c.Time - before.Time).Seconds(),
				Failures:  grown(c.Failures, before.Failures),
			})
		}
	}
	slices.SortFunc(list, func(a, b diagnose.Operation) int {
		return cmp.Or(cmp.Compare(b.Seconds, a.Seconds), cmp.Compare(a.Operation, b.Operation))
	})
	return list
}

// describe sets what a Report says of the pool that does not change.
func (o *observed) describe(set attribute.Set, c config, poolConfig *pgxpool.Config) {
	o.name = nameIn(set)
	o.reportSettings = diagnose.Settings{
		BaseSize:                     o.baseSize,
		MaxConns:                     int64(poolConfig.MaxConns),
		MinConns:                     int64(poolConfig.MinConns),
		MinIdleConns:                 int64(poolConfig.MinIdleConns),
		MaxConnLifetimeSeconds:       poolConfig.MaxConnLifetime.Seconds(),
		MaxConnLifetimeJitterSeconds: poolConfig.MaxConnLifetimeJitter.Seconds(),
		MaxConnIdleTimeSeconds:       poolConfig.MaxConnIdleTime.Seconds(),
		LongHoldSeconds:              c.longHold.Seconds(),
	}
}
