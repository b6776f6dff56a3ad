package diagnose

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strings"
)

// view is a report as the rules read it: now compared with before.
type view struct {
	Report
	now     Period // the last ten seconds
	past    Period // the ten minutes before those, the zero Period if the pool is too young
	ops     []change
	units   []unitChange
	pressed bool      // callers wait or give up
	found   []Finding // by the rules before
}

// minPast is the minimum length of the time before, for a comparison.
const minPast = 20

// change compares an operation with before.
type change struct {
	name          string
	calls         float64 // of now
	rate, was     float64 // calls a second
	mean, wasMean float64 // seconds a call, 0 if there was none
	load, wasLoad float64 // connections that it keeps busy on average
	failures      map[string]int64
	failed        float64 // the share of calls that fail
	wasFailed     float64
}

// unitChange compares a unit of work with before.
type unitChange struct {
	name      string
	now, past Unit
	rate, was float64 // units a second
	hold      float64 // seconds that a unit holds a connection, by Little's law
	wasHold   float64
	perUnit   float64 // operations a unit
	wasPer    float64
}

func newView(r Report) *view {
	v := &view{Report: r, now: r.LastTenSeconds}
	if past := minus(r.LastTenMinutes, v.now); past.Seconds >= minPast {
		v.past = past
	}
	before := byName(v.past.Operations, nameOfOperation)
	for _, op := range v.now.Operations {
		if controls(op.Operation) {
			continue
		}
		v.ops = append(v.ops, changeOf(op, before[op.Operation], v.now.Seconds, v.past.Seconds))
	}
	units := byName(v.past.Units, nameOfUnit)
	for _, u := range v.now.Units {
		v.units = append(v.units, unitChangeOf(u, units[u.Operation], v.now.Seconds, v.past.Seconds))
	}
	v.pressed = v.Waiting > 0 && v.OldestWaitSeconds >= 0.5 || v.gaveUp() > 0 && v.waiters() >= 0.5 || v.meanQueue() >= 0.1
	return v
}

// controls reports whether an operation controls transactions. Such an operation is slow or fails if the work around it
// does.
func controls(operation string) bool {
	verb, _, _ := strings.Cut(operation, " ")
	return slices.Contains([]string{"BEGIN", "START", "COMMIT", "END", "ROLLBACK", "ABORT", "SAVEPOINT", "RELEASE"}, verb)
}

func changeOf(now, past Operation, seconds, pastSeconds float64) change {
	c := change{
		name:      now.Operation,
		calls:     float64(now.Calls),
		rate:      ratio(float64(now.Calls), seconds),
		was:       ratio(float64(past.Calls), pastSeconds),
		mean:      ratio(now.Seconds, float64(now.Calls)),
		wasMean:   ratio(past.Seconds, float64(past.Calls)),
		load:      ratio(now.Seconds, seconds),
		wasLoad:   ratio(past.Seconds, pastSeconds),
		failures:  now.Failures,
		failed:    ratio(float64(sum(now.Failures)), float64(now.Calls)),
		wasFailed: ratio(float64(sum(past.Failures)), float64(past.Calls)),
	}
	return c
}

func unitChangeOf(now, past Unit, seconds, pastSeconds float64) unitChange {
	return unitChange{
		name:    now.Operation,
		now:     now,
		past:    past,
		rate:    ratio(float64(now.Units), seconds),
		was:     ratio(float64(past.Units), pastSeconds),
		hold:    ratio(max(now.Held*seconds, now.BusySeconds), float64(now.Units)), // short holds may never be sampled
		wasHold: ratio(max(past.Held*pastSeconds, past.BusySeconds), float64(past.Units)),
		perUnit: ratio(float64(now.Operations), float64(now.Units)),
		wasPer:  ratio(float64(past.Operations), float64(past.Units)),
	}
}

// unit returns what a unit of work does, the zero value if it did nothing.
func (v *view) unit(name string) unitChange {
	if i := slices.IndexFunc(v.units, func(u unitChange) bool { return u.name == name }); i >= 0 {
		return v.units[i]
	}
	return unitChange{name: name}
}

// compares reports whether there is a time before.
func (v *view) compares() bool { return v.past.Seconds > 0 }

// has reports whether a finding of that kind was found about an operation.
func (v *view) has(kind Kind, operation string) bool {
	return slices.ContainsFunc(v.found, func(f Finding) bool { return f.Kind == kind && f.Operation == operation })
}

// hasKind reports whether a finding of that kind was found.
func (v *view) hasKind(kind Kind) bool {
	return slices.ContainsFunc(v.found, func(f Finding) bool { return f.Kind == kind })
}

// locks reports whether a finding explains that others wait for locks.
func (v *view) locks() bool { return v.hasKind(IdleInTransaction) || v.hasKind(BlockedOnServer) }

// full reports whether all connections are taken.
func (v *view) full() bool { return v.Used+v.Constructing >= v.Settings.MaxConns }

// onlyDials reports whether the pool dials connections and none is in use. One such moment is usual in a pool of one connection.
func (v *view) onlyDials() bool { return v.Used == 0 && v.Constructing > 1 }

// usual reports whether the connections that a unit of work holds without using them are normal, given their average
// now and before. Without waiting callers, one connection is normal, and so are hardly more than before. If callers
// wait, no more than before are normal, unless they are half the pool.
func (v *view) usual(now, before float64) bool {
	if v.pressed {
		return v.compares() && now <= 1.2*before && now < v.share(0.5)
	}
	return now < 1.5 || now < 2*before+0.5
}

// callRate returns how many calls of operations end a second, and wasCallRate how many did before.
func (v *view) callRate() float64    { return callRate(v.now) }
func (v *view) wasCallRate() float64 { return callRate(v.past) }

func callRate(p Period) float64 {
	var calls int64
	for _, op := range p.Operations {
		calls += op.Calls
	}
	return ratio(float64(calls), p.Seconds)
}

// expected returns how many operations would have succeeded in the time without an answer, at the earlier rate.
func (v *view) expected() float64 {
	var ok int64
	for _, op := range v.past.Operations {
		ok += op.Calls - sum(op.Failures)
	}
	return ratio(float64(ok), v.past.Seconds) * v.SilentSeconds
}

// silent reports whether the server has answered nothing for too long to be chance.
func (v *view) silent() bool { return v.SilentSeconds >= 2 && v.expected() >= 10 }

// unanswered returns how many connections may have waited for the server for far longer than usual, and on how many of
// them an operation runs. The others are being opened or closed.
func (v *view) unanswered() (connections, running int64) {
	others := v.Used + v.Constructing
	for _, g := range v.Holds {
		others -= g.Count
		if v.overdue(g, 0.5, 3) {
			running += g.Running
		}
	}
	return running + max(0, others), running
}

// overdue reports whether an operation has run for at least that many seconds, and that many times as long as its unit
// of work usually holds a connection. If its holds do not end, the operation has run for as long as the server is silent,
// and is compared with the usual time of such an operation.
func (v *view) overdue(g Holds, seconds, times float64) bool {
	age, usual := g.OldestSeconds, v.unit(g.Operation).wasHold
	if usual == 0 {
		age = v.SilentSeconds
		for _, op := range v.past.Operations {
			if slices.Contains(g.LastQueries, op.Operation) {
				usual = max(usual, ratio(op.Seconds, float64(op.Calls)))
			}
		}
	}
	return g.Running > 0 && usual > 0 && age >= max(seconds, times*usual) && g.Listening == 0 && !v.longHoldsEnd(g.Operation)
}

// hushed reports whether too many answers are missing, on most connections in use, to judge by earlier ones. If this
// lasts, either the server is away or an operation is stuck, which the server may tell.
func (v *view) hushed() bool {
	n, _ := v.unanswered()
	return n > 0 && 2*n >= v.Used+v.Constructing && v.expected() >= 10 && !(v.silent() && (v.stuckAlone() || v.works(n)))
}

// works reports whether the server was asked and works for most of so many connections of the pool.
func (v *view) works(connections int64) bool {
	if v.Server == nil {
		return false
	}
	var active int64
	for _, s := range v.Server.Sessions {
		if s.Ours && s.State == "active" {
			active++
		}
	}
	return 2*active > connections
}

// stuckAlone reports whether only a few of the usual operations wait for the server, too few to be chance: the chance
// that each running call is one of them, for any choice of that many names, is small.
func (v *view) stuckAlone() bool {
	n, running := v.unanswered()
	stuck := make(map[string]bool)
	for _, g := range v.Holds {
		if v.overdue(g, 0.5, 3) {
			for _, name := range g.LastQueries {
				stuck[name] = true
			}
		}
	}
	var load, all float64
	for _, op := range v.past.Operations {
		all += op.Seconds
		if stuck[op.Operation] {
			load += op.Seconds
		}
	}
	chance := math.Pow(ratio(load, all), float64(running))
	for i := range len(stuck) { // the choices
		chance *= ratio(float64(len(v.past.Operations)-i), float64(i+1))
	}
	return 2*running > n && chance < 0.05
}

// gaveUp returns how many acquires ended now because their callers gave up.
func (v *view) gaveUp() int64 { return v.now.Acquires["timeout"] + v.now.Acquires["canceled"] }

// givenUp returns how many calls of operations were ended now by their caller, statement_timeout or lock_timeout.
func (v *view) givenUp() (calls int64) {
	for _, op := range v.now.Operations {
		for _, kind := range []string{"timeout", "canceled", "57014", "55P03"} {
			calls += op.Failures[kind]
		}
	}
	return calls
}

// held returns how many connections were held on average.
func held(p Period) (connections float64) {
	for _, u := range p.Units {
		connections += max(u.Held, ratio(u.BusySeconds, p.Seconds)) // short holds may never be sampled
	}
	return connections
}

// waiters returns how many acquires waited in the queue on average.
func (v *view) waiters() float64 { return ratio(v.now.WaitedSeconds["queue"], v.now.Seconds) }

// meanQueue returns how long an acquire waits in the queue on average.
func (v *view) meanQueue() float64 { return meanQueue(v.now) }

func meanQueue(p Period) float64 { return ratio(p.WaitedSeconds["queue"], float64(sum(p.Acquires))) }

// bad returns Critical if callers wait or give up, else otherwise.
func (v *view) bad(otherwise Severity) Severity {
	if v.pressed {
		return Critical
	}
	return otherwise
}

// share returns that share of the pool's connections: at least one, or a quarter of one if callers wait. A unit of work
// may fill a small pool at times, and hold less than one connection on average.
func (v *view) share(part float64) float64 {
	least := 1.0
	if v.pressed && v.Settings.MaxConns > 0 {
		least = 0.25
	}
	return max(least, part*float64(v.Settings.MaxConns))
}

// minus returns what happened in a period but not in its end.
func minus(all, end Period) Period {
	p := Period{
		Seconds:       all.Seconds - end.Seconds,
		Acquires:      subtract(all.Acquires, end.Acquires),
		WaitedSeconds: subtract(all.WaitedSeconds, end.WaitedSeconds),
		Peak:          all.Peak,
		PeakWaiting:   all.PeakWaiting,
		Opened:        all.Opened - end.Opened,
		Dials:         all.Dials - end.Dials,
		DialSeconds:   all.DialSeconds - end.DialSeconds,

		ProcessorWaits:       all.ProcessorWaits - end.ProcessorWaits,
		ProcessorWaitSeconds: all.ProcessorWaitSeconds - end.ProcessorWaitSeconds,

		Closed: subtract(all.Closed, end.Closed),
	}
	ops := byName(end.Operations, nameOfOperation)
	for _, op := range all.Operations {
		e := ops[op.Operation]
		op.Calls, op.Seconds, op.Failures = op.Calls-e.Calls, op.Seconds-e.Seconds, subtract(op.Failures, e.Failures)
		p.Operations = append(p.Operations, op)
	}
	units := byName(end.Units, nameOfUnit)
	for _, u := range all.Units {
		e := units[u.Operation]
		average := func(all1, end1 float64) float64 { return max(0, ratio(all1*all.Seconds-end1*end.Seconds, p.Seconds)) }
		u.Held, u.Running, u.ResultOpen = average(u.Held, e.Held), average(u.Running, e.Running), average(u.ResultOpen, e.ResultOpen)
		u.IdleInTransaction, u.IdleOutside = average(u.IdleInTransaction, e.IdleInTransaction), average(u.IdleOutside, e.IdleOutside)
		u.Units, u.Operations, u.BusySeconds = u.Units-e.Units, u.Operations-e.Operations, u.BusySeconds-e.BusySeconds
		u.LongHoldsEnded, u.NestedAcquires = u.LongHoldsEnded-e.LongHoldsEnded, u.NestedAcquires-e.NestedAcquires
		p.Units = append(p.Units, u)
	}
	return p
}

// byName returns a map of the elements of a list by their names.
func byName[T any](list []T, name func(T) string) map[string]T {
	all := make(map[string]T, len(list))
	for _, one := range list {
		all[name(one)] = one
	}
	return all
}

func nameOfOperation(op Operation) string { return op.Operation }
func nameOfUnit(u Unit) string            { return u.Operation }

// number is a count or a measured value.
type number interface{ ~int64 | ~float64 }

func subtract[N number](all, end map[string]N) map[string]N {
	left := maps.Clone(all)
	for key, n := range end {
		if left != nil {
			left[key] -= n
		}
	}
	return left
}

// sum returns the sum of counts. A sum of floats would depend on their order.
func sum(of map[string]int64) (total int64) {
	for _, n := range of {
		total += n
	}
	return total
}

// ratio returns a / b, 0 if b is not above 0.
func ratio(a, b float64) float64 {
	if b <= 0 {
		return 0
	}
	return a / b
}

// median returns the median of some numbers, 0 of none. It sorts them.
func median(of []float64) float64 {
	if len(of) == 0 {
		return 0
	}
	slices.Sort(of)
	return of[len(of)/2]
}

// most returns the key with the largest number, the first by name of equal ones.
func most[N number](of map[string]N) (key string) {
	for _, k := range slices.Sorted(maps.Keys(of)) {
		if key == "" || cmp.Less(of[key], of[k]) {
			key = k
		}
	}
	return key
}

// was returns evidence with the value of before, if there is a time before.
func (v *view) was(name string, now, before float64, unit string) Evidence {
	e := Evidence{Name: name, Value: now, Unit: unit}
	if v.compares() {
		e.Before = &before
	}
	return e
}
