package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// print prints the report of the size of the settings, the curve, and the findings.
func (c *curve) print(w io.Writer) error {
	p := c.at(c.db.sizing.PoolSize)
	if p == nil {
		return nil
	}
	fmt.Fprintf(w, "Report, with %s\n", connections(p.size))
	r := p.requestCounts
	fmt.Fprintf(w, `  requests  %d in %.1f s: %.1f a second, %v wanted; %d dropped, %d began late
  latency   %s, since a request was due
  wait      %s, for a connection
  query     %s
  in use    %.2f of %d connections on average
  timeouts  %d
  errors    %s

`,
		r.done, p.elapsed.Seconds(), p.rate(), c.rate, r.dropped, r.late,
		formatQuantiles(p.latency), formatQuantiles(p.last.acquires), formatQuantiles(p.last.queries),
		p.inUse, p.size, p.last.timeouts, p.errors())
	if r.late*100 > p.arrivals() {
		fmt.Fprintf(w, "More than 1 %% of the requests began %v late or more: this machine is too busy for the rate.\n\n",
			lateAfter)
	}
	printCurve(w, c.points, c.goal)
	fmt.Fprintln(w)
	return diagnose.WriteText(w, p.pool, diagnose.Findings(p.pool))
}

// judge judges the size of the settings by the goal.
func (c *curve) judge() (verdict, error) {
	size := c.db.sizing.PoolSize
	p := c.at(size)
	switch {
	case p == nil:
		return verdict{}, cmp.Or(c.err, errNoLoad)
	case c.goal == 0:
		return verdict{}, c.err
	case p.cut:
		return verdict{}, fmt.Errorf("stopped after %.1f s of %v: too early to judge the goal",
			p.elapsed.Seconds(), c.duration)
	}
	text := fmt.Sprintf("with %s %s", connections(size), waited(p.wait()))
	result, reached := "PASS", "reached"
	v := verdict{judged: true, failed: !p.reaches(c.goal)}
	if v.failed {
		result, reached = "FAIL", "missed"
	}
	text += fmt.Sprintf(": the goal of %v is %s", c.goal, reached)
	i := slices.IndexFunc(c.points, func(p point) bool { return !p.cut && p.reaches(c.goal) })
	if i < 0 {
		text += fmt.Sprintf("; no measured size reaches it, the largest is %d", c.points[len(c.points)-1].size)
	} else {
		text += fmt.Sprintf("; the smallest measured size that reaches it is %d", c.points[i].size)
	}
	v.line = result + ": " + text
	return v, c.err
}

// connections returns a number of connections in words.
func connections(n int) string {
	if n == 1 {
		return "1 connection"
	}
	return fmt.Sprintf("%d connections", n)
}

// waited returns how long the requests waited, in words.
func waited(seconds float64) string {
	if math.IsInf(seconds, 1) {
		return "more than 1 % of the requests got none: they were dropped, canceled or failed"
	}
	return "99 % of the requests waited at most " + formatWait(seconds)
}

// formatWait formats a wait with three digits, so that one just above a goal does not look like the goal.
func formatWait(seconds float64) string {
	switch {
	case math.IsInf(seconds, 1):
		return "unbounded"
	case seconds < 0.9995:
		return fmt.Sprintf("%.3g ms", seconds*1e3)
	default:
		return fmt.Sprintf("%.3g s", seconds)
	}
}
