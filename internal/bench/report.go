package main

import (
	"fmt"
	"io"
	"math"
	"os"
	"regexp"
	"strings"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

// report holds the results in the order of the measurements.
type report struct {
	full   bool // all tables, with all contenders
	goals  []goal
	tables []table
}

// goal is the most that something may cost, and its measured cost.
type goal struct {
	what  string
	limit float64
	got   measure.Interval
	unit  unit
}

// unit is a unit in which values are printed.
type unit struct {
	size     float64
	decimals int
	symbol   string
}

var (
	ratio        = unit{1, 2, " ×"}
	number       = unit{1, 0, ""}
	kilobytes    = unit{1e3, 1, " kB"}
	microseconds = unit{1e-6, 1, " µs"}
	milliseconds = unit{1e-3, 2, " ms"}
)

func (u unit) format(i measure.Interval) string { return i.Format(u.size, u.decimals) + u.symbol }

func (r *report) goal(what string, limit float64, got measure.Interval, u unit) {
	r.goals = append(r.goals, goal{what, limit, got, u})
}

func (r *report) table(heading string, columns []string, rows [][]string) {
	r.tables = append(r.tables, table{heading, columns, rows})
}

// allocations adds the goals for the allocations of a cycle. It drops fractions, as testing.AllocsPerRun does: they
// come from other goroutines.
func (r *report) allocations(what string, count, bytes float64, got allocation) {
	r.goal("allocations of "+what, count, measure.Exactly(math.Floor(got.count)), number)
	r.goal("bytes of the allocations of "+what, bytes, measure.Exactly(math.Floor(got.bytes)), number)
}

// judge returns "yes" if the goal was reached, "no" if it was missed, and "within the interval" if the limit lies
// between the bounds of the measurement.
func (g goal) judge() string {
	switch {
	case g.got.High <= g.limit:
		return "yes"
	case g.got.Low <= g.limit:
		return "within the interval"
	}
	return "no"
}

// table is printed below its heading.
type table struct {
	heading string
	columns []string
	rows    [][]string
}

func (r *report) print(to io.Writer) error {
	goals := table{heading: "Goals", columns: []string{"goal", "at most", "measured (95 % interval)", "reached"}}
	var missed []string
	for _, g := range r.goals {
		limit, verdict := g.unit.format(measure.Exactly(g.limit)), g.judge()
		goals.rows = append(goals.rows, []string{g.what, limit, g.unit.format(g.got), verdict})
		if verdict == "no" {
			missed = append(missed, g.what)
		}
	}
	text := goals.String()
	if len(missed) > 0 {
		text += "\nMissed: " + strings.Join(missed, "; ") + ".\n"
	}
	for _, t := range r.tables {
		text += t.String()
	}
	_, err := io.WriteString(to, text)
	return err
}

// String returns the table in Markdown.
func (t table) String() string {
	text := "\n### " + t.heading + "\n\n"
	line := func(cells []string) { text += "| " + strings.Join(cells, " | ") + " |\n" }
	line(t.columns)
	text += "|" + strings.Repeat("---|", len(t.columns)) + "\n"
	for _, row := range t.rows {
		line(row)
	}
	return text
}

func nanoseconds(i measure.Interval) string { return fmt.Sprintf("%.0f ns", i.Mid*1e9) }

var modelName = regexp.MustCompile(`(?m)^model name\s*: (.+)$`)

// processor returns the name of the processor, if the system has it.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if match := modelName.FindSubmatch(text); err == nil && match != nil {
		return string(match[1])
	}
	return "unknown"
}
