package poolstate

import "testing"

func TestSlotCountsKeepFieldsApart(t *testing.T) {
	t.Parallel()
	var s slotCounts
	s.init()
	for _, step := range []struct {
		units int64
		want  counts
	}{
		{0, counts{}},
		{pendingUnit, counts{1, 0, 0}},
		{-occupiedUnit, counts{1, -1, 0}}, // a slot given back a moment before it is taken
		{occupiedUnit - pendingUnit, counts{0, 0, 0}},
		{3*pendingUnit + 2*occupiedUnit + inUseUnit, counts{3, 2, 1}},
		{-inUseUnit - occupiedUnit, counts{3, 1, 0}},
		{1_000_000 * pendingUnit, counts{1_000_003, 1, 0}},
		{-1_000_003*pendingUnit - occupiedUnit, counts{}},
	} {
		if got := s.add(step.units); got != step.want {
			t.Fatalf("after %d: %+v, want %+v", step.units, got, step.want)
		}
	}
}
