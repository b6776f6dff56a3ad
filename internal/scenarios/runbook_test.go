package scenarios

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// incidents are the incidents in testdata, recorded by -dump, each with a part of its row in the runbook's first table.
var incidents = map[string]string{
	"a-failing-insert-is-tried-again-and-again":    "retries after failures",
	"a-page-is-called-ten-times-as-often":          "its callers",
	"a-query-for-each-order":                       "N+1",
	"a-session-of-another-program-locks-the-stock": "or a lock",
	"a-statement-is-ten-times-slower":              "slow queries",
	"all-statements-are-four-times-slower":         "the database",
	"connections-are-not-returned":                 "a leak",
	"logins-call-another-service":                  "the program does something else",
	"the-load-of-all-operations-grows":             "more load",
	"the-network-takes-10-ms-more-each-way":        "the network",
	"units-acquire-twice-and-all-wait":             "waits for a second one",
}

// TestRunbookNamesCause looks up each incident in the first table of the runbook, by its numbers.
func TestRunbookNamesCause(t *testing.T) {
	rows := runbookRows(t)
	for name, want := range incidents {
		text, err := os.ReadFile(filepath.Join("testdata", "incidents", name+".json"))
		testutil.NoError(t, err)
		var in incident
		testutil.NoError(t, json.Unmarshal(text, &in))
		cells := in.cells()
		if got := lookUp(rows, cells); !strings.Contains(got, want) {
			t.Errorf("%s: %q is %q in the runbook, want %q", name, cells, got, want)
		}
		in.Now = in.Before
		in.Oldest = 0
		if got := lookUp(rows, in.cells()); !strings.Contains(got, "the normal load") {
			t.Errorf("before %s: %q is %q in the runbook, want the normal load", name, in.cells(), got)
		}
	}
}

// runbookRows returns the rows of the runbook's table of causes: acquires, holds, busy, operations, cause.
func runbookRows(t *testing.T) (rows [][5]string) {
	t.Helper()
	text, err := os.ReadFile("../../collector-config/RUNBOOK.md")
	testutil.NoError(t, err)
	_, table, found := strings.Cut(string(text), "| acquires | holds | busy | operations | cause |\n|---|---|---|---|---|\n")
	if !found {
		t.Fatal("the runbook has no table of causes")
	}
	table, _, _ = strings.Cut(table, "\n\n")
	for line := range strings.Lines(table) {
		cells := strings.SplitN(strings.Trim(line, "| \n"), " | ", 5)
		if len(cells) != 5 {
			t.Fatalf("a row has %d cells: %s", len(cells), line)
		}
		rows = append(rows, [5]string(cells))
	}
	return rows
}

// lookUp returns the cause of the lowest matching row.
func lookUp(rows [][5]string, cells [4]string) string {
	for _, row := range slices.Backward(rows) {
		fits := true
		for i, cell := range cells {
			fits = fits && (row[i] == "any" || row[i] == cell)
		}
		if fits {
			return row[4]
		}
	}
	return ""
}

// cells returns the words of the first four columns for the incident's numbers.
func (in incident) cells() [4]string {
	before, now := totalsOf(in.Before), totalsOf(in.Now)
	cells := [4]string{"as before", "as before", "as before", "as before"}
	units := ratios(before.units, now.units)
	switch acquires := now.acquires / before.acquires; {
	case acquires < 0.7:
		cells[0] = "fewer"
	case acquires > 1.4 && units[0] > 1.4:
		cells[0] = "more, of all units of work alike"
	case acquires > 1.4 && units[len(units)-1] > 3:
		cells[0] = "more, of one unit of work"
	case acquires > 1.4:
		cells[0] = "more"
	}
	switch {
	case in.Oldest > 10:
		cells[1] = "some do not end"
	case now.held/now.acquires > 1.15*before.held/before.acquires:
		cells[1] = "longer"
	}
	if now.busy/now.held < 0.7*before.busy/before.held {
		cells[2] = "lower"
	}
	slower := ratios(before.means, now.means)
	middle, slowest := slower[len(slower)/2], slower[len(slower)-1]
	perUnit := ratios(before.perUnit, now.perUnit)
	switch {
	case perUnit[len(perUnit)-1] > 3:
		cells[3] = "more for each unit of work of one name"
	case slowest > 5*middle:
		cells[3] = "one slower"
	case middle > 1.5 && spread(differences(before.means, now.means)) < spread(slower):
		cells[3] = "all slower, by the same time"
	case middle > 1.5:
		cells[3] = "all slower, by the same factor"
	}
	return cells
}

// totals are the numbers of a period that the runbook's queries have: rates, means, and both by name.
type totals struct {
	acquires, held, busy  float64
	units, perUnit, means map[string]float64
}

func totalsOf(p diagnose.Period) totals {
	t := totals{acquires: float64(p.Acquires["ok"]) / p.Seconds}
	t.units, t.perUnit, t.means = map[string]float64{}, map[string]float64{}, map[string]float64{}
	for _, u := range p.Units {
		t.held += u.Held
		t.busy += u.BusySeconds / p.Seconds
		if u.Units > 0 {
			t.units[u.Operation] = float64(u.Units) / p.Seconds
			t.perUnit[u.Operation] = float64(u.Operations) / float64(u.Units)
		}
	}
	for _, o := range p.Operations {
		if o.Calls > 0 && o.Operation != "COMMIT" && o.Operation != "BEGIN" { // too short to tell
			t.means[o.Operation] = o.Seconds / float64(o.Calls)
		}
	}
	return t
}

// ratios returns the factor by which each value has grown, sorted.
func ratios(before, now map[string]float64) []float64 {
	return each(before, now, func(before, now float64) float64 { return now / before })
}

// differences returns the growth of each value, sorted.
func differences(before, now map[string]float64) []float64 {
	return each(before, now, func(before, now float64) float64 { return now - before })
}

func each(before, now map[string]float64, of func(before, now float64) float64) (list []float64) {
	for name, was := range before {
		if is, ok := now[name]; ok {
			list = append(list, of(was, is))
		}
	}
	slices.Sort(list)
	return list
}

// spread returns the ratio of the third to the first quartile.
func spread(sorted []float64) float64 { return sorted[len(sorted)*3/4] / sorted[len(sorted)/4] }
