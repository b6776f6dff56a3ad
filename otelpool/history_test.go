package otelpool

import (
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// TestPeriodsBeginAtKeptPoints keeps points for a quarter of an hour, second by second.
func TestPeriodsBeginAtKeptPoints(t *testing.T) {
	t.Parallel()
	var minute [6 + 1]*point
	var ten [10 + 1]*point
	if since(minute[:], time.Minute, time.Hour) != nil {
		t.Error("a point of an empty history")
	}
	start := time.Hour
	for second := range 15 * 60 {
		now := start + time.Duration(second)*time.Second
		kept := func() *point { return &point{at: now} }
		keep(minute[:], minuteStep, now, kept)
		keep(ten[:], tenStep, now, kept)
		age := now - start
		for _, period := range []struct {
			points       []*point
			length, step time.Duration
		}{{minute[:], time.Minute, minuteStep}, {ten[:], 10 * time.Minute, tenStep}} {
			got := now - since(period.points, period.length, now).at
			if least := min(age, period.length); got < least || got > period.length+period.step {
				t.Fatalf("after %v a period of %v is %v long", age, period.length, got)
			}
		}
	}
}

// TestMomentsAreThoseOfTenMinutes keeps more than there is room for.
func TestMomentsAreThoseOfTenMinutes(t *testing.T) {
	t.Parallel()
	var m moments
	for i := range maxMoments + 50 {
		m.put(diagnose.Moment{Used: int64(i)})
	}
	all := m.list()
	if len(all) != maxMoments {
		t.Fatalf("%d moments, want %d", len(all), maxMoments)
	}
	for i, moment := range all {
		if moment.Used != int64(i+50) {
			t.Fatalf("moment %d is %d", i, moment.Used)
		}
	}
}
