package diagnose

import (
	"fmt"
	"math"
	"slices"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// crowded reports whether callers wait longer, or give up more often, than in the ordinary queue of a busy pool.
func (v *view) crowded() bool {
	total := float64(sum(v.now.Acquires))
	hold := ratio(held(v.now)*v.now.Seconds, total)
	queue := v.meanQueue()
	return v.now.Seconds >= 5 && (v.now.Acquires["timeout"] >= 2 && float64(v.now.Acquires["timeout"]) >= 0.01*total ||
		queue >= 0.25 || queue >= 0.05 && queue >= 10*hold ||
		v.Waiting > 0 && v.OldestWaitSeconds >= 2)
}

// findTooSmall finds that callers wait though nothing else is wrong.
func findTooSmall(v *view) []Finding {
	if !v.crowded() || v.Settings.MaxConns < 1 || v.now.Peak < v.Settings.MaxConns && !v.full() {
		return nil
	}
	if v.onlyDials() { // callers wait for them
		return nil
	}
	if slices.ContainsFunc(v.ops, func(c change) bool { return v.deadlocked(c) && v.isHeavy(c) }) {
		return nil
	}
	if v.Waiting == 0 && v.now.Acquires["timeout"] > 0 && held(v.now) < 0.8*float64(v.Settings.MaxConns) && v.withoutHolder() == 0 {
		return nil // callers gave up for another reason, which is over
	}
	lost := sum(v.LastMinute.Closed) - v.LastMinute.Opened // connections that were not replaced
	if 4*lost >= 3*v.Settings.MaxConns || v.hasKind(ClosingFillPool) && 4*v.Closing >= 3*v.Settings.MaxConns || v.hasKind(Churn) && v.spends() {
		return nil
	}
	total, was := float64(sum(v.now.Acquires)), float64(sum(v.past.Acquires))
	rate, before := ratio(total+v.newWaiters(), v.now.Seconds), ratio(was, v.past.Seconds)
	hold, holdBefore := ratio(held(v.now)*v.now.Seconds, total), ratio(held(v.past)*v.past.Seconds, was)
	f := Finding{
		Kind:     PoolTooSmall,
		Severity: v.bad(Warning),
		Summary: fmt.Sprintf("The pool is too small for its normal traffic: it has %s, and callers wait for one, %s on average.",
			count(v.Settings.MaxConns, "connection"), printable.Seconds(v.meanQueue())),
		Advice: "Give the pool more connections (package otelpool/sizing computes how many), within what the server allows for all instances, or make the operations shorter.",
		Evidence: []Evidence{
			{Name: "connections in use", Value: float64(v.Used)},
			{Name: "acquires that wait", Value: float64(v.Waiting)},
			v.was("average wait", v.meanQueue(), meanQueue(v.past), "s"),
			v.was("acquires", rate, before, "1/s"),
			v.was("time that each is held", hold, holdBefore, "s"),
			{Name: "acquires timed out", Value: float64(v.now.Acquires["timeout"])},
		},
	}
	// Which has grown more, the traffic or the time of its holds? A pool that was nearly full before was too small
	// already.
	more, longer := ratio(rate, before), ratio(hold, holdBefore)
	if before == 0 {
		more = math.Inf(1)
	}
	if fitted := v.compares() && held(v.past) < 0.8*float64(v.Settings.MaxConns); fitted && max(more, longer) >= 1.15 {
		if more >= longer {
			f.Kind = LoadGrown
			f.Summary = fmt.Sprintf("There is more traffic than the pool can serve: %s acquires a second of all kinds, %s before, and each waits %s on average.",
				printable.Number(rate), printable.Number(before), printable.Seconds(v.meanQueue()))
			f.Advice = "Give the pool more connections (package otelpool/sizing computes how many), within what the server allows for all instances, or add instances, or limit the traffic."
		} else {
			f.Summary = fmt.Sprintf("The pool has become too small: it has %s, each is held for %s (%s before), and callers wait for one, %s on average.",
				count(v.Settings.MaxConns, "connection"), printable.Seconds(hold), printable.Seconds(holdBefore), printable.Seconds(v.meanQueue()))
			f.Advice = "Find out why units of work take longer than before: the server, the network, or what the program does while it holds a connection. More connections help for as long as the server can serve them."
		}
	}
	if v.Waiting == 0 && 2*held(v.now) < float64(v.Settings.MaxConns) && v.now.Acquires["timeout"] == 0 {
		f.Kind, f.Severity = PoolTooSmall, Warning
		f.Summary = fmt.Sprintf("Callers come in bursts: up to %d waited at a time, %s on average, while the pool has %s and used %s on average.",
			v.now.PeakWaiting, printable.Seconds(v.meanQueue()), count(v.Settings.MaxConns, "connection"), printable.Number(math.Round(10*held(v.now))/10))
		f.Advice = "Limit how many of them run at a time, for example with errgroup's SetLimit, or give the pool as many connections as a burst needs."
	}
	if n := v.withoutHolder(); n > 0 {
		f.Kind = PoolTooSmall
		f.Summary = fmt.Sprintf("Hooks of the pool occupy %s: no caller holds %s, and acquires wait for a connection, %s on average.",
			v.ofPool(n), it(n), printable.Seconds(v.meanQueue()))
		f.Advice = "Make AfterRelease, PrepareConn and ShouldPing fast, and release what AcquireAllIdle returned. " +
			"If a hook panicked, pgxpool has lost the slot for good, and more connections help only until the next panic: fix the hook and restart."
	}
	return []Finding{f}
}

// newWaiters returns about how many more acquires wait now than when the period began. A queue that stays is not
// traffic. While it grows evenly, half as many wait on average.
func (v *view) newWaiters() float64 {
	waiting := float64(v.Waiting)
	return waiting - min(waiting, max(0, 2*v.waiters()-waiting))
}

// withoutHolder returns how many connections are in use but not held. It returns 0 if they are less than half of the
// pool, or if half of the pool is held on average: then they may be between a release and the next acquire.
func (v *view) withoutHolder() int64 {
	n := v.Used - v.Closing
	for _, g := range v.Holds {
		n -= g.Count
	}
	if 2*n < v.Settings.MaxConns || 2*held(v.now) >= float64(v.Settings.MaxConns) {
		return 0
	}
	return n
}

// minBig is the number of connections below which no pool is too big.
const minBig = 10

func findTooBig(v *view) []Finding {
	kept, peak, held := max(v.Settings.MinConns, v.Settings.MinIdleConns), v.LastTenMinutes.Peak, held(v.LastTenMinutes)
	if v.LastTenMinutes.Seconds < 60 || kept < minBig || v.Idle+v.Used < kept || float64(kept) < 4*held || kept < 2*peak {
		return nil
	}
	return []Finding{{
		Severity: Info,
		Summary: fmt.Sprintf("The pool keeps %d connections open, but in the last %s it used %.1f on average and never more than %d at a time.",
			kept, printable.Seconds(v.LastTenMinutes.Seconds), held, peak),
		Advice: "Lower MinConns or MinIdleConns, unless busier hours need them: each connection is a process of the server, and other services need them.",
		Evidence: []Evidence{
			{Name: "connections kept open", Value: float64(kept)},
			{Name: "connections in use on average", Value: held},
			{Name: "most in use at a time", Value: float64(peak)},
			{Name: "observed for", Value: v.LastTenMinutes.Seconds, Unit: "s"},
		},
	}}
}

func findNamesCapped(v *view) []Finding {
	if v.now.OperationsCapped == 0 {
		return nil
	}
	return []Finding{{
		Severity: Info,
		Summary:  "There are too many operation names: further ones are recorded as _OTHER and cannot be distinguished.",
		Advice:   "Names must not contain values: use WithOperation with a constant, or raise WithOperationLimit.",
		Evidence: []Evidence{{Name: "operations without their name", Value: float64(v.now.OperationsCapped)}},
	}}
}

// explainsWaiting reports whether callers may wait because of a finding. Those of the kinds below are critical if so.
func explainsWaiting(f Finding) bool {
	return f.Severity == Critical || !slices.Contains([]Kind{OperationFails, NamesCapped, PoolTooBig}, f.Kind)
}

// findCallersWait finds that callers wait or time out. That is never a cause.
func findCallersWait(v *view) []Finding {
	if !v.crowded() {
		return nil
	}
	evidence := []Evidence{
		{Name: "acquires that wait", Value: float64(v.Waiting)},
		{Name: "oldest wait", Value: v.OldestWaitSeconds, Unit: "s"},
		{Name: "acquires timed out", Value: float64(v.now.Acquires["timeout"])},
		{Name: "acquires canceled", Value: float64(v.now.Acquires["canceled"])},
	}
	f := Finding{
		Severity:    Warning,
		Consequence: slices.ContainsFunc(v.found, explainsWaiting),
		Summary:     fmt.Sprintf("Callers wait for a connection, %s on average.", printable.Seconds(v.meanQueue())),
		Advice:      "See the findings before this one.",
		Evidence:    evidence,
	}
	switch v.Waiting {
	case 0:
	case 1:
		f.Summary = fmt.Sprintf("1 caller waits for a connection, for %s so far.", printable.Seconds(v.OldestWaitSeconds))
	default:
		f.Summary = fmt.Sprintf("%d callers wait for a connection, the first for %s so far.", v.Waiting, printable.Seconds(v.OldestWaitSeconds))
	}
	if n := v.now.Acquires["timeout"]; n > 0 {
		f.Kind, f.Runbook, f.Severity = CallersTimeOut, "PoolAcquireTimeouts", Critical
		f.Summary = fmt.Sprintf("Callers give up: %s timed out in %.0f s.", count(n, "acquire"), v.now.Seconds)
	}
	if !f.Consequence {
		f.Advice = "Find out who holds the connections (Held), and which operations take most of the time."
	}
	return []Finding{f}
}
