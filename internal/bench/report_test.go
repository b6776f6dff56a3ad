package main

import (
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
