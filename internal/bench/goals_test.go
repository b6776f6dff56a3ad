package main

import (
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

func TestGoalIsJudgedByBoundsOfInterval(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		limit, got measure.Interval
		want       string
	}{
		{exactly(1), exactly(1), "yes"},
		{exactly(1), measure.Interval{Mid: 0.9, Low: 0.8, High: 1}, "yes"},
		{exactly(1), measure.Interval{Mid: 1.05, Low: 0.9, High: 1.2}, "within the interval"},
		{exactly(1), measure.Interval{Mid: 1.2, Low: 1.1, High: 1.3}, "no"},
		// A measured limit is not exceeded while both intervals overlap.
		{measure.Interval{Mid: 1, Low: 0.8, High: 1.2}, measure.Interval{Mid: 1.3, Low: 1.1, High: 1.5}, "within the interval"},
		{measure.Interval{Mid: 1, Low: 0.8, High: 1.2}, measure.Interval{Mid: 1.4, Low: 1.3, High: 1.5}, "no"},
	} {
		if got := (goal{limit: tt.limit, got: tt.got}).judge(); got != tt.want {
			t.Errorf("%v of at most %v: %q, want %q", tt.got, tt.limit, got, tt.want)
		}
	}
}

func TestReportListsMissedGoals(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	err := reportGoals(&out, []goal{
		{what: "reached", limit: exactly(1), got: exactly(0.5), format: times},
		{what: "one", limit: exactly(1), got: exactly(2), format: times},
		{what: "two", limit: exactly(1e-6), got: exactly(2e-6), format: inMicroseconds},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"| reached | 1.00 × | 0.50 × | yes |", "| two | 1.0 µs | 2.0 µs | no |", "\nMissed: one; two.\n"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
}

// rounds returns rounds of a thousand operations each, with the times of bare, theirs and ours.
func rounds(times ...[3]time.Duration) measure.Rounds {
	r := measure.Rounds{Names: []string{barePool, otelpgxPool, oursPool}}
	for _, t := range times {
		var slices []measure.Slice
		for _, d := range t {
			slices = append(slices, measure.Slice{Ops: 1000, Time: d, CPU: d})
		}
		r.Slices = append(r.Slices, slices)
	}
	return r
}

func TestExtraExcludesBase(t *testing.T) {
	t.Parallel()
	r := rounds([3]time.Duration{100, 120, 110}, [3]time.Duration{200, 240, 220}, [3]time.Duration{300, 360, 330})
	if got := r.Extra(oursPool, otelpgxPool, barePool, measure.CPUPerOp); got.Mid < 0.4999 || got.Mid > 0.5001 {
		t.Errorf("extra %v, want half", got)
	}
	if got := r.Ratio(oursPool, barePool, measure.TimePerOp); got.Mid < 1.0999 || got.Mid > 1.1001 {
		t.Errorf("ratio %v, want 1.1", got)
	}
}
