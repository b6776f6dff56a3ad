package otelpool

import (
	"cmp"
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

// Report describes the pool now and over the last minutes. It does not query the database, and costs about as much as a
// collection. The report on a pool without hooks has only the values of [pgxpool.Stat], and on a sql.DB's own pool
// those of [sql.DB.Stats]. If no reader has collected metrics yet, events are recorded from the first call of Report
// on. Before Register, Report returns the zero Report.
func (i *Instrumentation) Report() diagnose.Report {
	o := i.registered()
	if o == nil {
		return diagnose.Report{}
	}
	o.asked()
	return o.report(traceOf)
}

// asked makes events be recorded from now on, because their counts are being read. The history begins now.
func (o *observed) asked() {
	if o.hooks != nil && !o.hooks.live.Swap(true) {
		s := o.hooks.state.Snapshot(o.stat)
		o.history.look(o, &s)
	}
}

// report describes the pool now.
//
// traceOf returns the trace of an acquire. It is noTrace where traces are not shown.
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
	r.SilentSeconds = o.history.silence(o, &s).Seconds()
	now := o.history.point(o, &s)
	period := func(points []*keptPoint, length time.Duration) diagnose.Period {
		if from := since(points, length, s.Now); from != nil {
			return o.hooks.period(now, from.point())
		}
		return o.hooks.period(now, now) // a period of no length
	}
	r.LastTenSeconds = period(o.history.minute[:], 10*time.Second)
	r.LastMinute = period(o.history.minute[:], time.Minute)
	r.LastTenMinutes = period(o.history.ten[:], 10*time.Minute)
	for _, p := range o.history.ten {
		if p != nil {
			r.LastTenMinutes.Peak = max(r.LastTenMinutes.Peak, p.peak)
			r.LastTenMinutes.PeakWaiting = max(r.LastTenMinutes.PeakWaiting, p.peakWaiting)
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
		activity := hold.Conn.Activity()
		does[i].add(activity)
		if activity.Listens {
			all[i].Listening++
		}
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
	openedKey  = instruments.KeyOf("pgxpool.connections.opened")
	resultKeys = keysOf("pgxpool.acquires")
	phaseKeys  = keysOf("pgxpool.acquire.phase_time")
	closedKeys = keysOf("pgxpool.connections.closed")
)

// keysOf returns the keys of an instrument's series by its own attribute.
func keysOf(name string) map[string]instruments.Key {
	keys := make(map[string]instruments.Key)
	for _, value := range instruments.ValuesOf(name) {
		keys[value] = instruments.KeyOf(name, value)
	}
	return keys
}

// period returns what was counted from q to p.
func (h *hooks) period(p, q *point) diagnose.Period {
	grew := func(key instruments.Key) int64 { return p.values.Get(key) - q.values.Get(key) }
	r := diagnose.Period{
		Seconds:          (p.at - q.at).Seconds(),
		Acquires:         make(map[string]int64, len(resultKeys)),
		WaitedSeconds:    make(map[string]float64, len(phaseKeys)),
		Peak:             p.peak,
		PeakWaiting:      p.peakWaiting,
		Opened:           grew(openedKey),
		OverflowOpened:   grew(overflowOpened),
		Dials:            p.dials - q.dials,
		DialSeconds:      time.Duration(p.dialTime - q.dialTime).Seconds(),
		NestedAcquires:   grew(nestedAcquires),
		LongHolds:        grew(longHolds),
		OperationsCapped: grew(operationsCapped),

		ProcessorWaits:       p.waits - q.waits,
		ProcessorWaitSeconds: time.Duration(p.waitTime - q.waitTime).Seconds(),

		Units:      h.units(p, q),
		Operations: h.called(p, q),
	}
	for result, key := range resultKeys {
		r.Acquires[result] = grew(key)
	}
	for phase, key := range phaseKeys {
		r.WaitedSeconds[phase] = time.Duration(grew(key)).Seconds()
	}
	for reason, key := range closedKeys {
		addGrown(&r.Closed, reason, grew(key))
	}
	kinds, _ := h.counters.Open(connectionsErrors)
	for i, n := range p.dialErrors {
		addGrown(&r.DialsFailed, kinds[i], n-at(q.dialErrors, i))
	}
	return r
}

// at returns an element of a list that may be shorter.
func at[T any](list []T, i int) (element T) {
	if i < len(list) {
		return list[i]
	}
	return element
}

// addGrown adds what a count has grown by, if it has.
func addGrown(to *map[string]int64, name string, by int64) {
	if by <= 0 {
		return
	}
	if *to == nil {
		*to = make(map[string]int64)
	}
	(*to)[name] += by
}

// units returns what each unit of work did from q to p.
func (h *hooks) units(p, q *point) []diagnose.Unit {
	list := []diagnose.Unit{}
	place := make(map[string]int) // in the list, by name: several units of work may be _OTHER
	samples := float64(max(1, p.samples-q.samples))
	for i, n := range p.operations {
		before, held := at(q.operations, i), at(p.held, i).minus(at(q.held, i))
		n.Calls, n.Time, before.Calls, before.Time = 0, 0, 0, 0 // the operation's, not the unit of work's
		if n == before && held == (sampledHolds{}) {
			continue
		}
		name := h.operations.Unit(uint32(i)).Name
		if _, known := place[name]; !known {
			place[name] = len(list)
			list = append(list, diagnose.Unit{Operation: name})
		}
		u := &list[place[name]]
		u.Held += float64(held.sum()) / samples
		u.Running += float64(held.running) / samples
		u.ResultOpen += float64(held.open) / samples
		u.IdleInTransaction += float64(held.inTransaction) / samples
		u.IdleOutside += float64(held.idle) / samples
		u.LongHoldsEnded += held.longEnded
		u.Units += n.Units - before.Units
		u.Operations += n.Operations - before.Operations
		u.BusySeconds += time.Duration(n.Busy - before.Busy).Seconds()
		u.NestedAcquires += n.Nested - before.Nested
		u.ReleasedInTransaction += n.InTransaction - before.InTransaction
		u.ReleasedBusy += n.ReleasedBusy - before.ReleasedBusy
	}
	slices.SortFunc(list, func(a, b diagnose.Unit) int {
		return cmp.Or(cmp.Compare(b.Held, a.Held), cmp.Compare(b.BusySeconds, a.BusySeconds), cmp.Compare(a.Operation, b.Operation))
	})
	return list
}

// called returns the calls of each operation from q to p.
func (h *hooks) called(p, q *point) []diagnose.Operation {
	list := []diagnose.Operation{}
	place := make(map[uint32]int)
	for i, n := range p.operations {
		before := at(q.operations, i)
		if calls := n.Calls - before.Calls; calls > 0 {
			place[uint32(i)] = len(list)
			list = append(list, diagnose.Operation{
				Operation: h.operations.Unit(uint32(i)).Name, Calls: calls, Seconds: time.Duration(n.Time - before.Time).Seconds(),
			})
		}
	}
	kinds := h.operations.Failed()
	for i, n := range p.failures {
		if to, called := place[kinds[i].Operation.ID]; called {
			addGrown(&list[to].Failures, kinds[i].ErrorType, n-at(q.failures, i))
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
