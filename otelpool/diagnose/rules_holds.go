package diagnose

import (
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// The age from which a hold counts as kept: longer than a call of another service or reading rows should take.
const (
	leakAge = 10 // seconds, if nothing runs on it
	openAge = 20 // if its rows or batch are open
	longAge = 5  // as for LongHoldsEnded
)

// minAverage is how long a pool must be observed before averages of its holds are used: they are sampled once a second.
const minAverage = 5 // seconds

func findDeadlock(v *view) []Finding {
	if v.now.Acquires["timeout"] == 0 && (v.Waiting == 0 || v.OldestWaitSeconds < 1) {
		return nil
	}
	var held, stuck int64
	var guilty Unit
	by := make(map[string]int64)
	for _, g := range v.Holds {
		held += g.Count
		stuck -= g.Nested // these callers have got their second connection
		by[g.Operation] += g.IdleOutside + g.IdleInTransaction
	}
	for _, u := range v.LastTenMinutes.Units {
		if u.NestedAcquires > 0 {
			stuck += by[u.Operation]
			if guilty.NestedAcquires == 0 || by[u.Operation] > by[guilty.Operation] {
				guilty = u
			}
		}
	}
	recent := v.now.NestedAcquires > 0
	if guilty.NestedAcquires == 0 || 2*stuck < held || stuck <= 0 || !recent && guilty.NestedAcquires < stuck {
		return nil
	}
	return []Finding{{
		Severity:  Critical,
		Operation: guilty.Operation,
		Summary: fmt.Sprintf("%s needs a second connection while it holds one, and none becomes free: callers that wait for a second connection hold %s.",
			named(guilty.Operation), v.ofPool(stuck)),
		Advice: "Pass the connection or the transaction to the inner query instead of the pool. If its rows are open, read them to their end before the next query. " +
			"More connections only postpone the deadlock; a deadline on each acquire ends it.",
		Evidence: []Evidence{
			{Name: "connections held by those that wait", Value: float64(stuck)},
			{Name: "acquires that wait", Value: float64(v.Waiting)},
			{Name: "oldest wait", Value: v.OldestWaitSeconds, Unit: "s"},
			{Name: "nested acquires in ten minutes", Value: float64(guilty.NestedAcquires)},
		},
	}}
}

func findNested(v *view) (all []Finding) {
	for _, u := range v.now.Units {
		if u.NestedAcquires == 0 {
			continue
		}
		severity := Warning
		if 2*u.NestedAcquires >= u.Units { // not a rare branch of the code
			severity = v.bad(Warning)
		}
		all = append(all, Finding{
			Severity:  severity,
			Operation: u.Operation,
			Summary: fmt.Sprintf("%s acquires a second connection while it holds one: if enough of its callers do so at the same time, they all wait for each other.",
				named(u.Operation)),
			Advice: "Pass the connection or the transaction to the inner query instead of the pool. If its rows are open, read them to their end before the next query.",
			Evidence: []Evidence{
				{Name: "nested acquires", Value: float64(u.NestedAcquires)},
				{Name: "connections", Value: float64(v.Settings.MaxConns)},
			},
		})
	}
	return all
}

func findLeaks(v *view) (all []Finding) {
	for _, g := range v.Holds {
		past := v.unit(g.Operation).past
		kept, was, age := g.IdleOutside, past.IdleOutside, float64(leakAge)
		does, advice := "nothing runs on "+it(kept), "Release the connection on every path, including errors: defer its Release, and close its rows. "
		if g.ResultOpen > kept {
			kept, was, age = g.ResultOpen, past.ResultOpen, openAge
			does, advice = "rows or a batch are open on "+it(kept), "Close rows and batch results on every path, including errors: defer Close right after the query. "
		}
		switch {
		case g.OldestSeconds < age || 2*kept < g.Count || kept <= g.MaybeHijacked || g.Listening > 0:
			continue
		case v.longHoldsEnd(g.Operation): // it is slow, but returns them
			continue
		case kept < 2 && (!v.pressed || v.usual(1, was)): // kept on purpose, such as for an advisory lock
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: g.Operation,
			Summary: fmt.Sprintf("%s keeps %s and does not return %s: %s, and the oldest has been held for %s.",
				named(g.Operation), v.ofPool(kept), it(kept), does, printable.Seconds(g.OldestSeconds)),
			Advice: advice + takenAt(g),
			Evidence: []Evidence{
				{Name: "connections kept", Value: float64(kept)},
				{Name: "oldest hold", Value: g.OldestSeconds, Unit: "s"},
				{Name: "connections in use", Value: float64(v.Used)},
			},
		})
	}
	return all
}

// longHoldsEnd reports whether a unit of work has returned connections after a long time.
func (v *view) longHoldsEnd(operation string) bool {
	return slices.ContainsFunc(v.LastTenMinutes.Units, func(u Unit) bool { return u.Operation == operation && u.LongHoldsEnded > 0 })
}

// takenAt says where the connections were acquired.
func takenAt(g Holds) string {
	if len(g.Stack) == 0 {
		return "WithLongHold records where connections are acquired."
	}
	return "They were acquired at " + g.Stack[0] + "."
}

func findIdleInTransaction(v *view) (all []Finding) {
	for _, g := range v.Holds {
		if g.IdleInTransaction == 0 || about(all, g.Operation) || v.has(BlockedOnServer, g.Operation) {
			continue
		}
		u := v.unit(g.Operation)
		many := v.idlesInTransaction(u)
		victims := stuck(v, g.Operation)
		old := 2*g.IdleInTransaction >= g.Count &&
			(g.OldestSeconds >= longAge && u.now.IdleInTransaction >= 0.4 || g.OldestSeconds >= 2 && len(victims) > 0)
		usual := v.idledInTransaction(u)
		if !old && !many || usual && !(v.pressed && many) && len(victims) == 0 {
			continue
		}
		summary := fmt.Sprintf("%s leaves transactions open while nothing runs in them: on %s, the oldest held for %s.",
			named(g.Operation), v.ofPool(g.IdleInTransaction), printable.Seconds(g.OldestSeconds))
		if len(victims) > 0 {
			summary += fmt.Sprintf(" %s may wait for its locks.", strings.Join(victims, " and "))
		}
		f := Finding{
			Severity:  v.bad(Warning),
			Operation: g.Operation,
			Summary:   summary,
			Advice:    commitAdvice + " " + takenAt(g),
			Evidence: []Evidence{
				{Name: "connections idle in a transaction", Value: float64(g.IdleInTransaction)},
				{Name: "oldest hold", Value: g.OldestSeconds, Unit: "s"},
				v.was("idle in a transaction on average", u.now.IdleInTransaction, u.past.IdleInTransaction, ""),
			},
		}
		if len(victims) > 0 {
			f.Severity = Critical
		}
		all = append(all, f)
	}
	for _, u := range v.units { // possibly none is idle at this moment
		if about(all, u.name) || v.has(BlockedOnServer, u.name) || !v.idlesInTransaction(u) || v.idledInTransaction(u) && !v.pressed {
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: u.name,
			Summary: fmt.Sprintf("%s leaves transactions open while nothing runs in them: on average on %s.",
				named(u.name), average(u.now.IdleInTransaction, "connection")),
			Advice:   commitAdvice,
			Evidence: []Evidence{v.was("idle in a transaction on average", u.now.IdleInTransaction, u.past.IdleInTransaction, "")},
		})
	}
	return all
}

const commitAdvice = "Commit before calling anything else, and roll back on every error. With idle_in_transaction_session_timeout the server ends such transactions."

// idlesInTransaction reports whether a unit of work keeps a large part of the pool idle in transactions, on average.
func (v *view) idlesInTransaction(u unitChange) bool {
	idle := u.now.IdleInTransaction
	return idle >= v.share(0.25) && 2*idle >= u.now.Held && (u.now.Units == 0 || u.hold >= 0.25)
}

// idledInTransaction reports whether a unit of work usually does that.
func (v *view) idledInTransaction(u unitChange) bool {
	return v.longHoldsEnd(u.name) || u.past.IdleInTransaction >= u.now.IdleInTransaction/2
}

// about reports whether one of the findings is about an operation.
func about(of []Finding, operation string) bool {
	return slices.ContainsFunc(of, func(f Finding) bool { return f.Operation == operation })
}

// stuck returns at most three units of work, except one, whose operations run for far longer than usual.
func stuck(v *view, but string) (names []string) {
	for _, g := range v.Holds {
		if g.Operation != but && isStuck(v, g) && len(names) < 3 && !slices.Contains(names, named(g.Operation)) {
			names = append(names, named(g.Operation))
		}
	}
	return names
}

func isStuck(v *view, g Holds) bool { return v.overdue(g, 2, 10) }

func findSlowReaders(v *view) (all []Finding) {
	if v.now.Seconds < minAverage {
		return nil
	}
	for _, u := range v.units {
		open := u.now.ResultOpen
		if open < v.share(0.2) || 2*open < u.now.Held || v.usual(open, u.past.ResultOpen) || v.has(Leak, u.name) {
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: u.name,
			Summary: fmt.Sprintf("%s reads its rows slowly or leaves them open: on average it holds %s to which the server has already answered.",
				named(u.name), average(open, "connection")),
			Advice: "Read the rows into memory (with pgx, by pgx.CollectRows) before working on them, close them on every path, and send nothing to a slow client between two rows. " +
				takenAt(v.mostOpen(u.name)),
			Evidence: []Evidence{
				v.was("connections with rows open", open, u.past.ResultOpen, ""),
				v.was("connections held", u.now.Held, u.past.Held, ""),
			},
		})
	}
	return all
}

// mostOpen returns the Holds of a unit of work with the most open rows or batches, the zero value if it holds nothing.
func (v *view) mostOpen(operation string) (most Holds) {
	for _, g := range v.Holds {
		if g.Operation == operation && g.ResultOpen > most.ResultOpen {
			most = g
		}
	}
	return most
}

func findHeldIdle(v *view) (all []Finding) {
	if v.now.Seconds < minAverage {
		return nil
	}
	for _, u := range v.units {
		idle := u.now.IdleOutside
		switch {
		case idle < v.share(0.2) || 2*idle < u.now.Held || u.now.Units > 0 && u.hold < 0.2:
			continue
		case v.usual(idle, u.past.IdleOutside): // as usual, and no caller waits
			continue
		case v.has(Leak, u.name) || v.has(NestedAcquires, u.name) || v.listening(u.name):
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: u.name,
			Summary: fmt.Sprintf("%s holds connections while it does something else: %s on average in the last %s, and nothing runs on them for %.0f %% of the time.",
				named(u.name), printable.Number(math.Round(10*u.now.Held)/10), printable.Seconds(math.Round(v.now.Seconds)), 100*ratio(idle, u.now.Held)),
			Advice: "Release the connection before calling another service, sleeping or computing, and acquire one again afterwards.",
			Evidence: []Evidence{
				v.was("connections held idle", idle, u.past.IdleOutside, ""),
				v.was("connections held", u.now.Held, u.past.Held, ""),
				v.was("time that each is held", u.hold, u.wasHold, "s"),
			},
		})
	}
	return all
}

// listening reports whether a unit of work holds connections to wait for notifications.
func (v *view) listening(operation string) bool {
	return slices.ContainsFunc(v.Holds, func(g Holds) bool { return g.Operation == operation && g.Listening > 0 })
}

func findTransactionOpen(v *view) []Finding {
	return released(v, func(u Unit) int64 { return u.ReleasedInTransaction }, "connections released in a transaction",
		"%s releases connections with an open transaction: pgxpool closes them, and the transaction is rolled back.",
		"Commit or roll back on every path: defer tx.Rollback right after Begin, or use pgx.BeginFunc.")
}

func findReleasedBusy(v *view) []Finding {
	return released(v, func(u Unit) int64 { return u.ReleasedBusy }, "connections released busy",
		"%s releases connections whose rows or batch are still open: pgxpool closes them.",
		"Close rows and batch results before the release, on every path.")
}

// released returns a finding for each unit of work that releases connections in a state in which pgxpool closes them.
func released(v *view, count func(Unit) int64, counted, summary, advice string) (all []Finding) {
	for _, u := range v.now.Units {
		if n := count(u); n > 0 {
			all = append(all, Finding{
				Severity:  v.bad(Warning),
				Operation: u.Operation,
				Summary:   fmt.Sprintf(summary, named(u.Operation)),
				Advice:    advice,
				Evidence: []Evidence{
					{Name: counted, Value: float64(n)},
					{Name: "connections opened", Value: float64(v.now.Opened)},
				},
			})
		}
	}
	return all
}
