package measure_test

import (
	"math"
	"slices"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
)

func TestContendersTakeTurns(t *testing.T) {
	t.Parallel()
	var turns []string
	contender := func(name string, ops int) measure.Contender {
		return measure.Contender{Name: name, Run: func(time.Duration) int { turns = append(turns, name); return ops }}
	}
	r := measure.Interleave([]measure.Contender{contender("a", 1), contender("b", 2), contender("c", 3)}, 0, 0)
	if len(r.Slices) < 6 {
		t.Fatalf("%d rounds, an interval needs six", len(r.Slices))
	}
	turns = turns[3:] // the first turn of each is not measured
	orders := map[string]bool{}
	for i, round := range r.Slices {
		order := turns[3*i : 3*i+3]
		orders[order[0]+order[1]+order[2]] = true
		if sorted := slices.Sorted(slices.Values(order)); !slices.Equal(sorted, r.Names) {
			t.Errorf("round %d is of %v", i, order)
		}
		for at, ops := range []int{1, 2, 3} {
			if round[at].Ops != ops {
				t.Errorf("round %d: %d operations of %s, want %d", i, round[at].Ops, r.Names[at], ops)
			}
		}
	}
	if len(orders) < 2 {
		t.Errorf("always the order %v", orders)
	}
}

func TestRatioAndDifferenceAreWithinRounds(t *testing.T) {
	t.Parallel()
	r := measure.Rounds{Names: []string{"ours", "theirs"}}
	for _, speed := range []time.Duration{1, 2, 3, 4, 5, 6} {
		r.Slices = append(r.Slices, []measure.Slice{{Ops: 1, Time: 3 * speed}, {Ops: 1, Time: 2 * speed}})
	}
	if got := r.Ratio("ours", "theirs", measure.TimePerOp).String(); got != "1.50 (1.50–1.50)" {
		t.Errorf("ratio %s, want 1.50", got)
	}
	if got := r.Difference("ours", "theirs", measure.TimePerOp).Format(1e-9, 1); got != "3.5 (1.0–6.0)" {
		t.Errorf("difference %s, want 3.5 (1.0–6.0)", got)
	}
}

var sink []byte

func TestAllocsCountsAllocations(t *testing.T) { // not parallel: other tests allocate too
	count, bytes := measure.Allocs(1000, func() { sink = make([]byte, 1024) })
	if math.Floor(count) != 1 || math.Floor(bytes/1024) != 1 {
		t.Errorf("%v allocations of %v bytes, want 1 of 1024", count, bytes)
	}
}
