package diagnose

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

func findRetryStorms(v *view) (all []Finding) {
	for _, c := range v.ops {
		if c.was == 0 || c.calls < 20 || c.failed < 0.5 || c.failed < 1.2*c.wasFailed || c.rate < 3*c.was || mostly(c, "canceled", "connection") {
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: c.name,
			Summary: fmt.Sprintf("%s fails, mostly with %s, and is called %s: its callers retry immediately.",
				named(c.name), most(c.failures), grew(c.rate, c.was)),
			Advice:   "Retry only errors that a retry can cure, only a few times, and after a growing, random pause. Then look at the error itself.",
			Evidence: failing(v, c),
		})
	}
	return all
}

// failureAdvice is the advice by the SQLSTATE of most failures, if the usual cause is not a migration or a release.
var failureAdvice = map[string]string{
	"26000": noStatement,
	"42P05": noStatement,
	"25006": "The server is read-only: it is a replica, as after a failover, or default_transaction_read_only is set. With target_session_attrs=read-write the pool " +
		"dials the primary; pool.Reset replaces its existing connections.",
	"25P03":  "The server ends transactions in which nothing runs for idle_in_transaction_session_timeout: do nothing else between two statements of a transaction.",
	"40001":  "Transactions conflict: make them shorter, and repeat the whole transaction a few times, after a growing, random pause.",
	deadlock: "Lock rows and tables in the same order in all transactions, and repeat the one that fails. The server's log has both statements.",
	"55P03":  "A lock does not become free within lock_timeout, or immediately with NOWAIT: find out which session has it (diagnose.Server, pg_blocking_pids).",
}

// noStatement is the advice if a session lacks the prepared statements that pgx made, or has different ones.
const noStatement = "The session's prepared statements are not those that pgx made: a pooler such as PgBouncer assigns sessions per transaction, or the program runs DEALLOCATE or DISCARD. " +
	"Set max_prepared_statements of PgBouncer 1.21 or newer, or default_query_exec_mode=exec in the connection string."

func findFailures(v *view) (all []Finding) {
	var failed []change
	names := make(map[string][]string) // by the SQLSTATE of most failures
	for _, c := range slices.Concat(v.ops, v.seldom()) {
		switch {
		case v.deadlocked(c):
		case c.calls < 5 || c.failed < 0.2 || c.failed < 3*c.wasFailed || v.has(RetryStorm, c.name):
			continue
		case mostly(c, "timeout", "canceled", "57014", "connection", "57P01", "57P02"): // caused by its callers or the connection
			continue
		case !v.known(c) && mostly(c, "23505", "40001", "55P03"): // programs may expect these
			continue
		}
		failed = append(failed, c)
		state := v.state(c)
		names[state] = append(names[state], named(c.name))
	}
	for _, c := range failed {
		state := v.state(c)
		f := Finding{
			Severity:  Warning,
			Operation: c.name,
			Summary:   fmt.Sprintf("%s fails in %.0f %% of its calls, mostly with %s.", named(c.name), 100*c.failed, state),
			Advice:    cmp.Or(failureAdvice[state], "Look up the SQLSTATE, and read the server's log; the usual cause is a migration or a release."),
			Evidence:  failing(v, c),
		}
		switch state {
		case deadlock:
			f.Summary = fmt.Sprintf("Transactions deadlock: the server ended %s of %s in %.0f s (%s).", count(c.failures[deadlock], "call"), named(c.name), v.now.Seconds, deadlock)
			if v.isHeavy(c) {
				f.Severity = v.bad(Warning)
			}
		case "25P03": // idle transactions hold the connections, and would hold more
			f.Severity = v.bad(Warning)
		}
		switch n := names[state]; {
		case len(n) == 0: // the finding of all operations has it
			continue
		case len(n) > maxSeparate: // the cause is not one of the operations
			slices.Sort(n)
			names[state] = nil
			f.Operation = ""
			f.Summary = fmt.Sprintf("%d operations fail, mostly with %s: %s and %d more.", len(n), state, strings.Join(n[:3], ", "), len(n)-3)
			f.Evidence = []Evidence{{Name: "operations that fail", Value: float64(len(n))}}
		}
		all = append(all, f)
	}
	all = all[:min(len(all), 3)]
	return append(all, v.acquiresFail()...)
}

// maxSeparate is how many operations have findings of their own if they have the same cause. More are one finding.
const maxSeparate = 3

const deadlock = "40P01"

// deadlocked reports whether transactions deadlock at an operation. Few deadlocks matter, because two connections wait for
// each until the server ends one of them, after deadlock_timeout, which is a second by default.
func (v *view) deadlocked(c change) bool {
	n := c.failures[deadlock]
	return n >= 3 && float64(n) >= 0.1*v.now.Seconds && c.failed >= 3*c.wasFailed
}

// isHeavy reports whether an operation keeps an eighth of the pool's connections busy on average, or more.
func (v *view) isHeavy(c change) bool { return 8*c.load >= float64(v.Settings.MaxConns) }

// state returns the SQLSTATE or error type that says why an operation fails.
func (v *view) state(c change) string {
	if v.deadlocked(c) {
		return deadlock
	}
	return most(c.failures)
}

// acquiresFail finds that acquires fail, but not because of the server or a deadline.
func (v *view) acquiresFail() []Finding {
	failed, total := float64(v.now.Acquires["error"]), float64(sum(v.now.Acquires))
	if failed < 5 || failed < 0.2*total {
		return nil
	}
	return []Finding{{
		Severity: Critical,
		Runbook:  "PoolUnavailable",
		Summary: fmt.Sprintf("%.0f %% of the acquires fail, but no dial does: a PrepareConn hook returns an error, or the pool is closed.",
			100*failed/total),
		Advice: "Look at the error that Acquire returns, and at what PrepareConn (or BeforeAcquire) does. If PrepareConn returns true with an error, pgxpool keeps the connection, even a broken one, " +
			"and the next acquire fails too: return false. A closed pool stays closed: do not use it after Close.",
		Evidence: []Evidence{
			{Name: "acquires failed", Value: failed},
			{Name: "acquires", Value: total},
			{Name: "dials failed", Value: float64(sum(v.now.DialsFailed))},
		},
	}}
}

// seldom returns the operations that fail but are called too seldom to be judged by the last ten seconds, with their
// calls of the last minute.
func (v *view) seldom() (ops []change) {
	past := minus(v.LastTenMinutes, v.LastMinute)
	if past.Seconds < minPast {
		past = Period{}
	}
	minute, before := byName(v.LastMinute.Operations, nameOfOperation), byName(past.Operations, nameOfOperation)
	for _, c := range v.ops {
		if c.calls < 5 && c.failed >= 0.5 {
			ops = append(ops, changeOf(minute[c.name], before[c.name], v.LastMinute.Seconds, past.Seconds))
		}
	}
	return ops
}

// failing returns the evidence about an operation that fails.
func failing(v *view, c change) []Evidence {
	return []Evidence{v.was("calls", c.rate, c.was, "1/s"), v.was("failures of calls", c.failed, c.wasFailed, "1")}
}

// known reports whether an operation was called often enough before to be compared.
func (v *view) known(c change) bool { return c.was*v.past.Seconds >= 20 }

// mostly reports whether the most frequent failure of an operation is one of kinds.
func mostly(c change, kinds ...string) bool { return slices.Contains(kinds, most(c.failures)) }

// findAllSlower finds that operations are slower alike: by the same time if the network is slow, by the same factor if
// the server is.
func findAllSlower(v *view) []Finding {
	var deltas, growth, fast []float64
	var usual float64
	slower := 0
	for _, c := range v.ops {
		if c.calls < 5 || !v.known(c) || c.wasMean <= 0 || c.failed > 0.5 {
			continue
		}
		deltas, growth = append(deltas, c.mean-c.wasMean), append(growth, c.mean/c.wasMean)
		usual += c.wasMean
		if c.mean > 1.3*c.wasMean {
			slower++
		}
	}
	n := len(growth)
	if n < 2 || 4*slower < 3*n {
		return nil
	}
	fast = slices.Sorted(slices.Values(growth))
	spreadOfDeltas, spreadOfGrowth := spread(deltas), spread(growth)
	switch {
	case n == 2 && spreadOfGrowth > 0.6 && spreadOfDeltas > 0.6: // they have nothing in common
		return nil
	case !v.pressed && median(deltas) < 0.001: // a busy or idle machine slows quick operations that much
		return nil
	case !v.pressed && v.callRate() >= 3*v.wasCallRate() && median(growth) < 3: // the server has more to do
		return nil
	}
	network := spreadOfDeltas <= 0.6 && spreadOfDeltas < spreadOfGrowth && median(deltas) >= 0.002 && fast[n-1-n/4] >= 2
	if !network && median(growth) < 2 {
		return nil
	}
	evidence := []Evidence{
		{Name: "operations that are slower", Value: float64(slower)},
		{Name: "operations compared", Value: float64(n)},
		{Name: "time that each takes longer", Value: median(deltas), Unit: "s"},
		{Name: "factor by which each takes longer", Value: median(growth), Unit: "1"},
	}
	if network {
		return []Finding{{
			Kind:     NetworkSlow,
			Severity: v.bad(Warning),
			Runbook:  "PoolPingSlow",
			Summary: fmt.Sprintf("Every operation takes about %s longer than before, short and long ones alike: the network to the server is slow.",
				printable.Seconds(median(deltas))),
			Advice:   "Check the path to the server: another zone, a proxy, packet loss. " + throttled + " Fewer round trips help: batches, one query instead of several.",
			Evidence: evidence,
		}}
	}
	return []Finding{{
		Severity: v.bad(Warning),
		Summary:  fmt.Sprintf("Nearly every operation takes %.1f times as long as before: the server is slow, not one query.", median(growth)),
		Advice:   "Check the server's CPUs, disks, memory and checkpoints, and what else runs there: a backup, a migration, a vacuum, another service. " + throttled,
		Evidence: evidence,
	}}
}

// throttled names a cause that the Go runtime does not see, and that the rules cannot distinguish from a slow server or
// network.
const throttled = "Check this program's own machine too: if other programs use its CPUs, or its CPU limit throttles it, every answer seems late."

// findProgramSlow finds that goroutines wait for processors, so that every answer of the server is read late.
func findProgramSlow(v *view) []Finding {
	wait, before := meanProcessorWait(v.now), meanProcessorWait(v.past)
	if v.now.ProcessorWaits < 20 || wait < 0.002 {
		return nil
	}
	slower := findAllSlower(v) != nil || findSlowOperations(v) != nil
	switch {
	case slower && (wait < 2*before || v.longer() > 10*wait): // for another reason: a call waits only a few times
		return nil
	case !slower && !v.pressed: // nobody notices
		return nil
	}
	return []Finding{{
		Severity: v.bad(Warning),
		Summary: fmt.Sprintf("This program is short of processors: a goroutine that is ready to run waits %s on average, so every answer of the server is read late.",
			printable.Seconds(wait)),
		Advice:   "Give the program more processors (the CPU limit of its container, GOMAXPROCS), or find out by a CPU profile what uses them. More connections would not help, and the server may be well.",
		Evidence: []Evidence{v.was("mean wait of a goroutine for a processor", wait, before, "s")},
	}}
}

func meanProcessorWait(p Period) float64 {
	return ratio(p.ProcessorWaitSeconds, float64(p.ProcessorWaits))
}

// longer returns by how many seconds the calls of an operation take longer than before, at most.
func (v *view) longer() (most float64) {
	for _, c := range v.ops {
		if v.known(c) {
			most = max(most, c.mean-c.wasMean)
		}
	}
	return most
}

// spread returns how far apart the middle half of some numbers is, as a share of their median. It sorts them.
func spread(of []float64) float64 {
	m := median(of)
	return ratio(of[len(of)*3/4]-of[len(of)/4], m)
}

func findSlowOperations(v *view) (all []Finding) {
	least := 0.3 // additional connections that it keeps busy
	if v.pressed && v.Settings.MaxConns == 1 {
		least = 0.15
	}
	for _, c := range v.ops {
		late := v.late(c) >= 0.2 && c.failed >= 3*c.wasFailed // deadlines limit its time and its load
		if c.calls < 3 || c.was*v.past.Seconds < 10 || c.wasMean <= 0 || c.mean < 0.002 ||
			c.mean < 3*c.wasMean && !(late && c.mean > 2*c.wasMean) || c.load-c.wasLoad < least && !late {
			continue
		}
		others := ""
		if len(v.ops) > 1 {
			others = ", unlike most other operations"
		}
		givenUp := ""
		if late {
			givenUp = fmt.Sprintf(", and %.0f %% of its calls are given up", 100*v.late(c))
		}
		advice := "Check its plan (EXPLAIN ANALYZE), its locks (pg_blocking_pids) and recent deployments: a missing index, stale statistics, more rows, a lock."
		if 2*v.moreOpen() > c.load-c.wasLoad {
			advice = "For most of that time the server is already answering: it returns more rows, or the program does something else between two rows. " + advice
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: c.name,
			Summary: fmt.Sprintf("%s takes %s, %.0f times as long as before%s: on average it keeps %s busy%s.",
				named(c.name), printable.Seconds(c.mean), c.mean/c.wasMean, others, average(c.load, "connection"), givenUp),
			Advice:      advice,
			Consequence: v.locks() && c.mean >= 10*c.wasMean || v.deadlocked(c),
			Evidence: []Evidence{
				v.was("time a call", c.mean, c.wasMean, "s"),
				v.was("calls", c.rate, c.was, "1/s"),
				v.was("connections busy with it", c.load, c.wasLoad, ""),
			},
		})
	}
	alone := v.silent() && v.stuckAlone()
	for _, g := range v.Holds {
		if !isStuck(v, g) || g.OldestSeconds < longAge && !alone || len(g.LastQueries) != 1 || about(all, g.LastQueries[0]) {
			continue
		}
		if g.Running < 2 && !v.pressed && g.OldestSeconds < 60 { // a single call may have more to do
			continue
		}
		all = append(all, Finding{
			Severity:  v.bad(Warning),
			Operation: g.LastQueries[0],
			Summary: fmt.Sprintf("%s does not return: it has been running for up to %s on %s, which used to be held for %s.",
				named(g.LastQueries[0]), printable.Seconds(g.OldestSeconds), v.ofPool(g.Running), printable.Seconds(v.unit(g.Operation).wasHold)),
			Advice:      "Find out what it waits for on the server: a lock (pg_blocking_pids), the disks, a changed plan. Give the call a deadline.",
			Consequence: v.locks(),
			Evidence: []Evidence{
				{Name: "connections on which it runs", Value: float64(g.Running)},
				{Name: "oldest hold", Value: g.OldestSeconds, Unit: "s"},
			},
		})
	}
	return all
}

// moreOpen returns how many more connections than before have open rows or an open batch, on average.
func (v *view) moreOpen() (connections float64) {
	for _, u := range v.units {
		connections += u.now.ResultOpen - u.past.ResultOpen
	}
	return connections
}

// late returns the share of an operation's calls that were given up: by a deadline, the caller or statement_timeout. It
// is 0 if callers spend their time in the queue, which leaves little for the call.
func (v *view) late(c change) float64 {
	if queue := v.meanQueue(); queue >= 0.1 && queue >= c.mean {
		return 0
	}
	return ratio(float64(c.failures["timeout"]+c.failures["canceled"]+c.failures["57014"]), c.calls)
}
