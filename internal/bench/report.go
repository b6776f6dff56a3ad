package main

import (
	"fmt"
	"io"
	"os"
	"regexp"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

var modelName = regexp.MustCompile(`(?m)^model name\s*: (.+)$`)

// processor returns the name of the processor, if the system has it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if match := modelName.FindSubmatch(text); err == nil && match != nil {
		return string(match[1])
	}
	return "unknown"
}

// table prints rows below a heading.
func table(to io.Writer, heading string, columns []string, rows [][]string) error {
	line := func(cells []string) string {
		text := "|"
		for _, cell := range cells {
			text += " " + cell + " |"
		}
		return text + "\n"
	}
	text := "\n### " + heading + "\n\n" + line(columns) + "|"
	for range columns {
		text += "---|"
	}
	text += "\n"
	for _, row := range rows {
		text += line(row)
	}
	_, err := io.WriteString(to, text)
	return err
}

func nanoseconds(i measure.Interval) string { return fmt.Sprintf("%.0f ns", i.Mid*1e9) }

// report prints the table of hooks.
func (c hookCosts) report(to io.Writer) error {
	if len(c.serial.Slices) == 0 {
		return nil
	}
	var rows [][]string
	for _, name := range c.serial.Names {
		rows = append(rows, []string{
			name,
			nanoseconds(c.serial.Cost(name, measure.TimePerOp)),
			c.serial.Ratio(name, floor, measure.TimePerOp).String(),
			c.serial.Ratio(name, otelpgxOne, measure.TimePerOp).String(),
			c.serial.Ratio(name, namesOne, measure.TimePerOp).String(),
			c.parallel.Ratio(name, otelpgxOne, measure.TimePerOp).String(),
			c.collecting.Ratio(name, otelpgxOne, measure.CPUPerOp).String(),
			c.collecting.Ratio(name, namesOne, measure.CPUPerOp).String(),
			c.allocs[name].String(),
		})
	}
	return table(to, "Hooks: an acquire, a query and a release, without a database", []string{
		"", "a cycle", "× floor", "× otelpgx, SDK, one reader", "× otelpgx with names", "on two goroutines × otelpgx",
		"CPU with the garbage collected × otelpgx", "the same × otelpgx with names", "allocations",
	}, rows)
}

// reportEndToEnd prints the table of queries on a real server.
func reportEndToEnd(to io.Writer, all []endToEndCosts) error {
	var rows [][]string
	for _, c := range all {
		for _, name := range c.rounds.Names {
			bare := barePool
			if name == bareDatabase || name == xsamDatabase || name == nhatDatabase {
				bare = bareDatabase
			}
			p50 := measure.QuantileOf(c.latencies[name], 0.5)
			p99 := measure.QuantileOf(c.latencies[name], 0.99)
			rows = append(rows, []string{
				c.query, fmt.Sprint(c.callers), name,
				c.rounds.Ratio(bare, name, measure.TimePerOp).String(),
				fmt.Sprintf("%.1f µs", c.rounds.Cost(name, measure.CPUPerOp).Mid*1e6),
				c.rounds.Ratio(name, bare, measure.CPUPerOp).String(),
				fmt.Sprintf("%.0f µs", 1e6*p50.Mid), fmt.Sprintf("%.0f (%.0f–%.0f) µs", 1e6*p99.Mid, 1e6*p99.Low, 1e6*p99.High),
				c.allocs[name].String(),
			})
		}
	}
	return table(to, "End to end: a real server, a unix socket, a pool of 8", []string{
		"query", "callers", "", "throughput × bare", "client CPU", "× bare", "p50", "p99", "allocations",
	}, rows)
}

// reportScrapes prints the tables of reading pools.
func reportScrapes(to io.Writer, cells []scrapeCell, ratios []scrapeRatio, shares []share, push pushRatio) error {
	var rows [][]string
	for _, c := range cells {
		for way, cost := range c.costs {
			rows = append(rows, []string{
				fmt.Sprint(c.pools), fmt.Sprint(c.operations), fmt.Sprint(c.series), wayNames[way],
				cost.time.Round(time.Microsecond).String(), fmt.Sprintf("%.0f", cost.allocs), fmt.Sprintf("%.0f kB", cost.bytes/1e3),
				fmt.Sprintf("%.1f kB", float64(cost.size)/1e3),
			})
		}
	}
	if err := table(to, "Reading pools", []string{"pools", "operations of each", "series", "way", "time", "allocations", "allocated", "sent"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, r := range ratios {
		for _, name := range r.rounds.Names {
			rows = append(rows, []string{
				fmt.Sprint(r.pools), fmt.Sprint(r.operations), name, fmt.Sprint(r.sites[name][0]), fmt.Sprint(r.sites[name][1]),
				fmt.Sprintf("%.1f ms", r.rounds.Cost(name, measure.TimePerOp).Mid*1e3),
				r.rounds.Ratio(bridgeScrape, name, measure.TimePerOp).String(),
			})
		}
	}
	if err := table(to, "A scrape over HTTP, of as many series", []string{"pools of otelpool", "operations of each", "", "pools", "series", "time", "bridge × this"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, s := range shares {
		rows = append(rows, []string{s.name, fmt.Sprintf("%.1f %%", 100*s.part)})
	}
	if err := table(to, "Who spends the processor time of a scrape of 100 pools by the bridge", []string{"", "share"}, rows); err != nil {
		return err
	}
	rows = nil
	for _, name := range push.rounds.Names {
		rows = append(rows, []string{
			name, fmt.Sprint(push.sites[name][0]), fmt.Sprint(push.sites[name][1]),
			fmt.Sprintf("%.1f ms", push.rounds.Cost(name, measure.TimePerOp).Mid*1e3),
			push.rounds.Ratio(oursPush, name, measure.TimePerOp).String(),
		})
	}
	return table(to, "A push over OTLP, HTTP, of 100 pools of otelpool", []string{"", "pools", "data points", "time", "otelpool × this"}, rows)
}

// report prints the table of memory.
func (m memoryCosts) report(to io.Writer) error {
	size := func(bytes float64) string { return fmt.Sprintf("%.2f kB", bytes/1e3) }
	return table(to, "Memory and registration, a pool of a thousand", []string{"", ""}, [][]string{
		{"gauges alone, by Register", size(m.gauges)},
		{"with hooks, never used", size(m.registered)},
		{"the same after a collection", size(m.collected)},
		{"used: three histograms have a series", size(m.used)},
		{"the same without exemplars, by `sdkmetric.WithExemplarFilter`", size(m.usedPlain)},
		{"otelpgx, used likewise", size(m.otelpgx)},
		{"one more connection", size(m.connection)},
		{"one more operation name", size(m.operation)},
		{"left after Unregister and Close, never used", size(m.left)},
		{"left after Unregister and Close, used: the SDK's series", size(m.leftUsed)},
		{"Instrument", m.instrument.String()},
		{"Register", m.register.String()},
		{"Register, of the last hundred of a thousand", m.last.String()},
	})
}
