package main

import (
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

func TestCompareFailsForHigherCosts(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		got, committed map[string]cost
		say            string
	}{
		"the same":                 {map[string]cost{"cycle": {1, 64, 1.2}}, map[string]cost{"cycle": {1, 64, 1.2}}, ""},
		"within the tolerance":     {map[string]cost{"cycle": {1, 64, 1.32}}, map[string]cost{"cycle": {1, 64, 1.2}}, ""},
		"beyond it":                {map[string]cost{"cycle": {1, 64, 1.33}}, map[string]cost{"cycle": {1, 64, 1.2}}, "1 figures exceed"},
		"little time, within it":   {map[string]cost{"off": {0, 0, 0.038}}, map[string]cost{"off": {0, 0, 0.03}}, ""},
		"little time, beyond it":   {map[string]cost{"off": {0, 0, 0.040}}, map[string]cost{"off": {0, 0, 0.03}}, "1 figures exceed"},
		"one allocation more":      {map[string]cost{"cycle": {2, 64, 1.2}}, map[string]cost{"cycle": {1, 64, 1.2}}, "1 figures exceed"},
		"more bytes":               {map[string]cost{"cycle": {1, 80, 1.2}}, map[string]cost{"cycle": {1, 64, 1.2}}, "1 figures exceed"},
		"a scenario not committed": {map[string]cost{"new": {}}, nil, "run with -update"},
		"a scenario not measured":  {nil, map[string]cost{"cycle": {1, 64, 1.2}}, "run with -update"},
	} {
		err := compare(new(strings.Builder), tt.got, tt.committed)
		if (err != nil) != (tt.say != "") || err != nil && !strings.Contains(err.Error(), tt.say) {
			t.Errorf("%s: error %v, want %q", name, err, tt.say)
		}
	}
}

func TestTimeIsMultipleOfReference(t *testing.T) {
	t.Parallel()
	slice := func(took time.Duration) measure.Slice { return measure.Slice{Ops: 10, Time: took} }
	costs := map[string]cost{"cycle": {Allocations: 1}}
	addTimes(costs, measure.Rounds{Names: []string{"cycle", reference}, Slices: [][]measure.Slice{
		{slice(90), slice(20)}, {slice(30), slice(80)},
	}})
	if got := costs["cycle"]; got != (cost{Allocations: 1, Time: 1.5}) {
		t.Errorf("%+v", got)
	}
}
