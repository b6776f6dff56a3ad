package main

import (
	"strings"
	"testing"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

func TestGoalIsJudgedByBoundsOfInterval(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		got  measure.Interval
		want string
	}{
		{measure.Exactly(1), "yes"},
		{measure.Interval{Mid: 0.9, Low: 0.8, High: 1}, "yes"},
		{measure.Interval{Mid: 1.05, Low: 0.9, High: 1.2}, "within the interval"},
		{measure.Interval{Mid: 1.2, Low: 1.1, High: 1.3}, "no"},
	} {
		if got := (goal{limit: 1, got: tt.got}).judge(); got != tt.want {
			t.Errorf("%v of at most 1: %q, want %q", tt.got, got, tt.want)
		}
	}
}

func TestReportStartsWithGoals(t *testing.T) {
	t.Parallel()
	var r report
	r.table("Numbers", []string{"a", "b"}, [][]string{{"1", "2"}})
	r.goal("reached", 1, measure.Exactly(0.5), ratio)
	r.goal("one", 1, measure.Interval{Mid: 2, Low: 1.5, High: 2.5}, ratio)
	r.goal("two", 1e-6, measure.Exactly(2e-6), microseconds)
	var out strings.Builder
	if err := r.print(&out); err != nil {
		t.Fatal(err)
	}
	want := `
### Goals

| goal | at most | measured (95 % interval) | reached |
|---|---|---|---|
| reached | 1.00 × | 0.50 × | yes |
| one | 1.00 × | 2.00 (1.50–2.50) × | no |
| two | 1.0 µs | 2.0 µs | no |

Missed: one; two.

### Numbers

| a | b |
|---|---|
| 1 | 2 |
`
	if got := out.String(); got != want {
		t.Errorf("report:\n%s\nwant:\n%s", got, want)
	}
}
