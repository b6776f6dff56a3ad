package diagnose

import (
	"fmt"
	"slices"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// timeLimit is what ends a call before it is done.
type timeLimit struct{ who, what, advice string }

var (
	theirDeadline = timeLimit{"Callers give up on", "their deadline",
		"Give the call more time than it usually takes (its context), or make it faster. Each call that is given up also closes its connection."}
	statementTimeout = timeLimit{"The server cancels", "statement_timeout",
		"Give the call more time than it usually takes, or make it faster. If BuildContextWatcherHandler makes pgx cancel through the server, it may be the deadline of its context."}
)

func findShortDeadlines(v *view) (all []Finding) {
	calls := make(map[timeLimit][]string) // the operations whose calls it ends
	for _, c := range v.ops {
		late := v.late(c)
		if c.calls < 5 || late < 0.2 || c.wasMean > 0 && c.mean > 2*c.wasMean || c.wasMean == 0 && c.mean > 1 {
			continue
		}
		if mostly(c, "canceled") && (!v.known(c) || c.failed < 3*c.wasFailed) { // clients that leave are normal, for example in a search as you type
			continue
		}
		usual := ""
		if c.wasMean > 0 {
			usual = ", hardly longer than before"
		}
		limit := theirDeadline
		if mostly(c, "57014") {
			limit = statementTimeout
		}
		calls[limit] = append(calls[limit], c.name)
		all = append(all, Finding{
			Severity:  Warning,
			Operation: c.name,
			Summary: fmt.Sprintf("%s %.0f %% of the calls of %s, which take %s on average%s: %s is too short.",
				limit.who, 100*late, named(c.name), printable.Seconds(c.mean), usual, limit.what),
			Advice:   limit.advice,
			Evidence: append(failing(v, c), v.was("time a call", c.mean, c.wasMean, "s")),
		})
	}
	var many []Finding
	for _, limit := range []timeLimit{theirDeadline, statementTimeout} {
		if n := calls[limit]; len(n) > maxSeparate { // the cause is not one of the operations
			all = slices.DeleteFunc(all, func(f Finding) bool { return slices.Contains(n, f.Operation) })
			many = append(many, Finding{
				Severity: Warning,
				Summary: fmt.Sprintf("%s many calls of %d operations, such as %s: %s is too short.", limit.who, len(n),
					strings.Join([]string{named(n[0]), named(n[1]), named(n[2])}, ", "), limit.what),
				Advice:   limit.advice,
				Evidence: []Evidence{{Name: "operations whose calls are given up", Value: float64(len(n))}},
			})
		}
	}
	all = append(all, many...)
	if len(all) == 0 && v.wasted() {
		return []Finding{v.wastedConnections()}
	}
	total, gaveUp, phases := float64(sum(v.now.Acquires)), float64(v.gaveUp()), v.now.WaitedSeconds
	waited := ratio(phases["queue"]+phases["connect"]+phases["ping"]+phases["prepare"], total)
	usual := !v.compares() || v.meanQueue() <= 3*meanQueue(v.past)+0.05
	if len(all) == 0 && gaveUp >= 3 && gaveUp >= 0.05*total && waited < 0.25 && v.OldestWaitSeconds < 1 && usual {
		all = append(all, Finding{
			Severity: Warning,
			Summary: fmt.Sprintf("%.0f %% of the acquires are given up although they wait for only %s on average: their deadlines are shorter than the pool's usual wait.",
				100*gaveUp/total, printable.Seconds(waited)),
			Advice: "Give the request a longer deadline, or give the pool so many connections that no caller waits that long.",
			Evidence: []Evidence{
				{Name: "acquires given up", Value: gaveUp},
				{Name: "acquires", Value: total},
				{Name: "average wait", Value: waited, Unit: "s"},
			},
		})
	}
	return all
}

// wasted reports whether most callers give up in the queue, or soon after they get a connection. pgx then closes it, so
// the pool opens connections instead of using them. This lasts until fewer callers come.
func (v *view) wasted() bool {
	total, ok, canceled := float64(sum(v.now.Acquires)), float64(v.now.Acquires["ok"]), float64(v.now.Closed["canceled"])
	usual := ratio(float64(v.past.Acquires["ok"]), v.past.Seconds)
	return float64(v.gaveUp()) >= 0.5*total && canceled >= max(5, 0.5*ok) && ratio(ok, v.now.Seconds) < 0.5*usual
}

func (v *view) wastedConnections() Finding {
	ok, canceled := v.now.Acquires["ok"], v.now.Closed["canceled"]
	return Finding{
		Severity: Critical,
		Summary: fmt.Sprintf("Callers get a connection when their time is nearly over: %s got one in the last %.0f s, and %s closed because their callers gave up.",
			count(ok, "acquire"), v.now.Seconds, countThat(canceled, "connection", "was", "were")),
		Advice: "Let an acquire wait for a part of the request's time only (Timeout of Sizing, or a context of its own), so that who gets a connection can use it, " +
			"and refuse requests while callers wait. It may go on after its first cause has ended, until fewer callers come.",
		Evidence: []Evidence{
			{Name: "acquires given up", Value: float64(v.gaveUp())},
			v.was("acquires with a connection", ratio(float64(ok), v.now.Seconds), ratio(float64(v.past.Acquires["ok"]), v.past.Seconds), "1/s"),
			{Name: "connections closed after a cancel", Value: float64(canceled)},
			{Name: "average wait", Value: v.meanQueue(), Unit: "s"},
		},
	}
}
