package main

import (
	"cmp"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

// results are the measurements of all tables.
type results struct {
	hooks    hookCosts
	endToEnd []endToEndCosts
	ratios   []scrapeRatio
	shares   []share
	push     pushRatio
	memory   memoryCosts
}

// goal is the most that otelpool should cost, and its measured cost.
type goal struct {
	what       string
	limit, got measure.Interval // the limit is a number, or another measurement
	format     func(measure.Interval) string
}

func exactly(n float64) measure.Interval { return measure.Interval{Mid: n, Low: n, High: n} }

func times(i measure.Interval) string {
	if i.Low == i.High {
		return fmt.Sprintf("%.2f ×", i.Mid)
	}
	return i.String() + " ×"
}

func inMicroseconds(i measure.Interval) string {
	if i.Low == i.High {
		return fmt.Sprintf("%.1f µs", i.Mid*1e6)
	}
	return fmt.Sprintf("%.0f (%.0f–%.0f) µs", i.Mid*1e6, i.Low*1e6, i.High*1e6)
}

func inKilobytes(i measure.Interval) string { return fmt.Sprintf("%.1f kB", i.Mid/1e3) }

func inPercent(i measure.Interval) string { return fmt.Sprintf("%.1f %%", i.Mid*100) }

func number(i measure.Interval) string { return fmt.Sprintf("%.0f", i.Mid) }

// judge returns "yes" or "no": whether the goal was reached. It returns "within the interval" if the bounds of the
// measurement lie on both sides of the limit.
func (g goal) judge() string {
	switch {
	case g.got.High <= g.limit.High:
		return "yes"
	case g.got.Low <= g.limit.High:
		return "within the interval"
	}
	return "no"
}

// goals returns all goals in the order of the tables.
func (r results) goals() []goal {
	all := slices.Concat(r.hooks.goals(), endToEndGoals(r.endToEnd))
	for _, s := range r.ratios {
		if s.operations == 0 {
			continue
		}
		all = append(all, goal{
			what:  fmt.Sprintf("scrape of %d pools, as many series, to otelpgx by the official exporter", s.pools),
			limit: exactly(0.75), got: s.rounds.Ratio(bridgeScrape, officialScrape, measure.TimePerOp), format: times,
		})
	}
	for _, s := range r.shares {
		if s.name == bridgeShare {
			all = append(all, goal{what: "the bridge's own part of a scrape", limit: exactly(0.10), got: exactly(s.part), format: inPercent})
		}
	}
	all = append(all,
		goal{
			what: "push of 100 pools, to otelpgx with as many data points", limit: exactly(1),
			got: r.push.rounds.Ratio(oursPush, pointsPush, measure.TimePerOp), format: times,
		},
		goal{
			what: "push of 100 pools, to otelpgx with as many pools", limit: exactly(1),
			got: r.push.rounds.Ratio(oursPush, otelpgxPush, measure.TimePerOp), format: times,
		},
	)
	return append(all, r.memory.goals()...)
}

func (c hookCosts) goals() []goal {
	time := measure.TimePerOp
	allocations := func(what, name string, count, bytes float64) []goal {
		got := c.allocs[name]
		return []goal{
			// The fractions come from other goroutines, as in testing.AllocsPerRun.
			{what: "allocations of " + what, limit: exactly(count), got: exactly(math.Floor(got.count)), format: number},
			{what: "bytes of the allocations of " + what, limit: exactly(bytes), got: exactly(math.Floor(got.bytes)), format: number},
		}
	}
	return slices.Concat([]goal{
		{what: "a cycle, to otelpgx with operation names", limit: exactly(0.50), got: c.serial.Ratio(oursOne, namesOne, time), format: times},
		{
			what: "a cycle, to otelpgx with operation names, by processor time with the garbage collected", limit: exactly(0.50),
			got: c.collecting.Ratio(oursOne, namesOne, measure.CPUPerOp), format: times,
		},
		{what: "a cycle, to otelpgx plain", limit: exactly(0.90), got: c.serial.Ratio(oursOne, otelpgxOne, time), format: times},
		{
			what: "a cycle, to otelpgx plain, by processor time with the garbage collected", limit: exactly(0.90),
			got: c.collecting.Ratio(oursOne, otelpgxOne, measure.CPUPerOp), format: times,
		},
		{what: "a cycle on two goroutines, to otelpgx plain", limit: exactly(1), got: c.parallel.Ratio(oursOne, otelpgxOne, time), format: times},
	},
		allocations("a cycle", oursOne, 1, 64),
		[]goal{{what: "a cycle with a no-op provider, to the floor", limit: exactly(0.15), got: c.serial.Ratio(oursNoop, floor, time), format: times}},
		allocations("a cycle with a no-op provider", oursNoop, 0, 0),
		[]goal{
			{what: "a cycle whose query fails, to otelpgx with operation names", limit: exactly(0.6), got: c.serial.Ratio(oursFailing, namesFailing, time), format: times},
			{what: "a cycle whose query fails, to otelpgx plain", limit: exactly(0.6), got: c.serial.Ratio(oursFailing, otelpgxFailing, time), format: times},
		},
		allocations("a cycle whose query fails", oursFailing, 2, 128),
		[]goal{
			{what: "a cycle with spans, sampled parent, to otelpgx", limit: exactly(0.8), got: c.serial.Ratio(oursSampled, otelpgxSampled, time), format: times},
			{what: "a cycle with spans and the text of the query, sampled parent, to otelpgx", limit: exactly(0.8), got: c.serial.Ratio(oursText, otelpgxSampled, time), format: times},
		},
		allocations("a cycle with spans whose parent is not sampled", oursUnsampled, 1, 64),
	)
}

// endToEndGoals returns the goals of queries on a real server. A goal for each setting is judged by the worst one.
// The extra cost beside another library is judged by the median, because both are small beside their noise.
func endToEndGoals(all []endToEndCosts) []goal {
	if len(all) == 0 {
		return nil
	}
	extra := func(what, to string) goal {
		g := goal{what: "extra client CPU of a query, to " + what + ", median of the settings", limit: exactly(0.6), format: times}
		var ratios []measure.Interval
		for _, c := range all {
			ratios = append(ratios, c.rounds.Extra(oursPool, to, barePool, measure.CPUPerOp))
		}
		slices.SortFunc(ratios, func(a, b measure.Interval) int { return cmp.Compare(a.Mid, b.Mid) })
		g.got = ratios[len(ratios)/2]
		return g
	}
	worst := goal{what: "client CPU of a query, to bare pgxpool, the worst setting", limit: exactly(1.06), format: times}
	var tails []goal
	for _, c := range all {
		if ratio := c.rounds.Ratio(oursPool, barePool, measure.CPUPerOp); ratio.Mid > worst.got.Mid {
			worst.got = ratio
		}
		if c.callers == mostCallers {
			tails = append(tails, goal{
				what:  fmt.Sprintf("99th percentile of %s, %d callers, beside bare pgxpool", c.query, c.callers),
				limit: measure.QuantileOf(c.latencies[barePool], 0.99), got: measure.QuantileOf(c.latencies[oursPool], 0.99), format: inMicroseconds,
			})
		}
	}
	return append([]goal{extra("that of otelpgx with names", namesPool), extra("that of otelpgx", otelpgxPool), worst}, tails...)
}

func (m memoryCosts) goals() []goal {
	seconds := func(d time.Duration) measure.Interval { return exactly(d.Seconds()) }
	return []goal{
		{what: "Instrument", limit: exactly(5e-6), got: seconds(m.instrument), format: inMicroseconds},
		{what: "Register", limit: exactly(5e-6), got: seconds(m.register), format: inMicroseconds},
		{what: "a pool with gauges alone keeps", limit: exactly(1000), got: exactly(m.gauges), format: inKilobytes},
		{what: "a pool with hooks and three histograms keeps", limit: exactly(8000), got: exactly(m.used), format: inKilobytes},
	}
}

// reportGoals prints the goals and lists the missed ones.
func reportGoals(to io.Writer, goals []goal) error {
	var rows [][]string
	var missed []string
	for _, g := range goals {
		verdict := g.judge()
		if verdict == "no" {
			missed = append(missed, g.what)
		}
		rows = append(rows, []string{g.what, g.format(g.limit), g.format(g.got), verdict})
	}
	if err := table(to, "Goals", []string{"", "at most", "measured", "reached"}, rows); err != nil {
		return err
	}
	if len(missed) == 0 {
		return nil
	}
	_, err := fmt.Fprintf(to, "\nMissed: %s.\n", strings.Join(missed, "; "))
	return err
}
