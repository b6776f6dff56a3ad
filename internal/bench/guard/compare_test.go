package main

import (
	"strings"
	"testing"
)

func TestCompareFailsForHigherCosts(t *testing.T) {
	t.Parallel()
	committed := figures{Go: "go1.26", Costs: map[string]cost{"cycle": {Allocations: 1, Bytes: 64, Instructions: 10_000}}}
	for _, tt := range []struct {
		name string
		got  cost
		as   string // release of Go
		fail bool
		say  string
	}{
		{"the same", cost{1, 64, 10_000}, "go1.26", false, "ok"},
		{"within the tolerance", cost{1, 64, 10_400}, "go1.26", false, "ok"},
		{"beyond it", cost{1, 64, 10_600}, "go1.26", true, "TOO MUCH"},
		{"one allocation more", cost{2, 64, 10_000}, "go1.26", true, "TOO MUCH"},
		{"more bytes", cost{1, 80, 10_000}, "go1.26", true, "TOO MUCH"},
		{"fewer instructions", cost{1, 64, 9_000}, "go1.26", false, "better: write the figures with -update"},
		{"another release of Go", cost{1, 64, 10_600}, "go1.27", false, "the figures were measured with go1.26, not go1.27"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			err := compare(&out, figures{Go: tt.as, Costs: map[string]cost{"cycle": tt.got}}, committed)
			if canCount || tt.got.Instructions == 10_000 {
				if (err != nil) != tt.fail || !strings.Contains(out.String(), tt.say) {
					t.Errorf("error %v, and\n%s", err, out.String())
				}
			}
		})
	}
	for name, got := range map[string]figures{
		"a scenario without a committed figure": {Costs: map[string]cost{"new": {}, "cycle": committed.Costs["cycle"]}},
		"nothing measured":                      {},
	} {
		if err := compare(new(strings.Builder), got, committed); err == nil {
			t.Errorf("%s passes", name)
		}
	}
	if err := compare(new(strings.Builder), figures{Costs: map[string]cost{"cycle": {1, 64, 0}}}, committed); canCount && err == nil {
		t.Error("no instructions counted passes")
	}
}

func TestMinKeepsLeastOfEachCost(t *testing.T) {
	t.Parallel()
	if got := (cost{1, 64, 100}).min(cost{2, 32, 200}); got != (cost{1, 32, 100}) {
		t.Errorf("%+v", got)
	}
}

func TestParseReadsOutputOfProbe(t *testing.T) {
	t.Parallel()
	if got, err := parse("1.01 64.9\n"); err != nil || got != (cost{Allocations: 1, Bytes: 64}) {
		t.Errorf("%+v, %v", got, err)
	}
	if _, err := parse("panic: no"); err == nil {
		t.Error("no error")
	}
}
