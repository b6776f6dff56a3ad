package main

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/sizing"
)

var goal = sizing.Goal{Wait: 5 * time.Millisecond, Quantile: 0.99}

// load requires 11 connections for the goal.
var load = sizing.Load{Rate: 100, Hold: 50 * time.Millisecond}

// measuredOf returns a measurement of load on a pool of that size.
func measuredOf(size, overflow, peak int) measurement {
	return measurement{load: load, size: size, overflow: overflow, peak: peak, inUse: 5, over: time.Minute, acquires: 6000, instances: 1}
}

func TestAdviseReturnsVerdictAndSize(t *testing.T) {
	t.Parallel()
	timeouts, bursts, young := measuredOf(20, 0, 20), measuredOf(12, 0, 12), measuredOf(11, 0, 9)
	timeouts.timeouts, bursts.meanWait, young.young, young.acquires = 3, 20*time.Millisecond, true, 99
	mixed, waiting := measuredOf(8, 0, 8), measuredOf(6, 0, 6)
	mixed.meanWait, waiting.meanWait = 100*time.Millisecond, 35*time.Millisecond
	calm, tiny := measuredOf(6, 0, 6), measuredOf(4, 0, 1)
	tiny.load.Rate, tiny.inUse, calm.meanWait = 0.01, 0.0005, 50*time.Microsecond
	tinyWithOverflow := tiny
	tinyWithOverflow.size, tinyWithOverflow.overflow = 1, 1
	full, largeBase := measuredOf(5, 0, 5), measuredOf(8, 4, 12)
	full.inUse, largeBase.timeouts = 4.6, 1
	tests := map[string]struct {
		measurement
		verdict        string
		size, overflow int
		atLeast        bool
		reason         string
	}{
		"no pool yet":         {measurement{load: load}, verdictNew, 11, 0, false, "99 % of the acquires wait no longer than 5ms"},
		"by the rule only":    {measurement{load: load, size: 6}, verdictTooSmall, 11, 0, false, "plus 20 %, is 6"},
		"less than average":   {measurement{load: load, size: 4}, verdictTooSmall, 11, 0, false, "the pool limited them"},
		"one fewer than need": {measuredOf(10, 0, 9), verdictTooSmall, 11, 0, false, "smallest size"},
		"as many as needed":   {measuredOf(11, 0, 9), verdictFits, 11, 0, false, "smallest size"},
		"a little more":       {measuredOf(13, 0, 9), verdictFits, 13, 0, false, "smallest size"},
		"twice the need":      {measuredOf(22, 0, 9), verdictTooBig, 11, 0, false, "smallest size"},
		"a high peak":         {measuredOf(22, 0, 15), verdictTooBig, 15, 0, false, "15 were in use at the peak"},
		"a peak of all":       {measuredOf(22, 0, 22), verdictFits, 22, 0, false, "so the pool is not too big"},
		"overflow counts":     {measuredOf(5, 6, 9), verdictFits, 5, 6, false, "smallest size"},
		"overflow is kept":    {measuredOf(5, 5, 9), verdictTooSmall, 6, 5, false, "the overflow of 5 covers the peaks"},
		"full":                {full, verdictSaturated, 11, 0, true, "does not show the need"},
		"timeouts":            {timeouts, verdictSaturated, 30, 0, true, "there were timeouts: 3"},
		"base is not lowered": {largeBase, verdictSaturated, 8, 10, true, "the base size of 8 "},
		"bursts":              {bursts, verdictBursts, 18, 0, true, "db_pool_pending_peak"},
		"full at times":       {mixed, verdictBursts, 12, 0, true, "full for part of the time"},
		"waits as expected":   {waiting, verdictTooSmall, 11, 0, false, "smallest size"},
		"no waits expected":   {calm, verdictFits, 6, 0, false, "these callers take turns"},
		"idle":                {tiny, verdictTooBig, 2, 0, false, "no size below 2 is recommended"},
		"base of one":         {tinyWithOverflow, verdictFits, 2, 0, false, "no size below 2 is recommended"},
		"none and idle":       {measurement{load: tiny.load}, verdictNew, 2, 0, false, "no size below 2 is recommended"},
		"young":               {young, verdictFits, 11, 0, false, "did not run for the whole window"},
		"few acquires":        {young, verdictFits, 11, 0, false, "only 99 acquires"},
	}
	for name, test := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := advise(test.measurement, goal)
			testutil.NoError(t, err)
			if a.verdict != test.verdict || a.size != test.size || a.overflow != test.overflow || a.atLeast != test.atLeast {
				t.Errorf("%s, %d+%d, at least: %v; want %s, %d+%d, %v", a.verdict, a.size, a.overflow, a.atLeast,
					test.verdict, test.size, test.overflow, test.atLeast)
			}
			if !strings.Contains(strings.Join(a.reasons, "\n"), test.reason) {
				t.Errorf("%q is not among the reasons %q", test.reason, a.reasons)
			}
		})
	}
}

func TestMeasurementSilencesModel(t *testing.T) {
	t.Parallel()
	full, bursts, calm, expected := measuredOf(5, 0, 5), measuredOf(12, 0, 12), measuredOf(6, 0, 6), measuredOf(6, 0, 6)
	full.inUse, bursts.meanWait, expected.meanWait = 5, 20*time.Millisecond, 35*time.Millisecond
	for name, test := range map[string]struct {
		measurement
		model, atLeast bool
	}{"full": {full, false, true}, "bursts": {bursts, false, true}, "no waits": {calm, false, false}, "as expected": {expected, true, false}} {
		p := newPoolReport(settings{goal: goal}, test.measurement)
		if p.AtLeast != test.atLeast {
			t.Errorf("%s: at least: %v", name, p.AtLeast)
		}
		if got := p.Present.Model != nil; got != test.model {
			t.Errorf("%s: model of the present size: %v, want %v", name, got, test.model)
		}
		if got := p.Recommended.Model != nil; got != test.model {
			t.Errorf("%s: model of the recommended size: %v, want %v", name, got, test.model)
		}
		var b bytes.Buffer
		p.write(&b, report{Goal: goalReport{goal.Wait.Seconds(), goal.Quantile}})
		if text := b.String(); strings.Contains(text, "; in the model") != test.model || strings.Contains(text, "without limit") {
			t.Errorf("%s: got %s", name, text)
		}
	}
}

func TestSamplesLengthenTime(t *testing.T) {
	t.Parallel()
	counted := totals{acquires: 1000, holds: 1000, held: 10, taking: 1, size: 20, peak: 20, buckets: map[float64]float64{0: 0, 0.02: 1000}}
	for name, test := range map[string]struct {
		taken, samples float64
		want           time.Duration
	}{
		"well above":      {10.3, 20, 103 * time.Millisecond},
		"too few samples": {10.3, 9, 11 * time.Millisecond},
		"hardly above":    {2.2, 20, 11 * time.Millisecond},
		"below":           {0.5, 20, 11 * time.Millisecond},
		"none":            {0, 0, 11 * time.Millisecond},
	} {
		of := counted
		of.taken, of.samples = test.taken, test.samples
		m := newMeasurement(key{}, &of, 10*time.Second)
		if (m.load.Hold-test.want).Abs() > time.Microsecond || m.taking != time.Millisecond || math.Abs(m.inUse-100*m.load.Hold.Seconds()) > 0.001 {
			t.Errorf("%s: %v for each acquire, %v of them to take it, %v in use; want %v", name, m.load.Hold, m.taking, m.inUse, test.want)
		}
		if m.load.CV <= 0 || m.load.CV > 1 {
			t.Errorf("%s: CV %v", name, m.load.CV)
		}
	}
}

func TestCVIsEstimatedFromBuckets(t *testing.T) {
	t.Parallel()
	inf := math.Inf(1)
	exponential := map[float64]float64{inf: 1e6}
	for bound := 0.005; bound < 1.2; bound += 0.005 {
		exponential[bound] = 1e6 * (1 - math.Exp(-bound/0.1))
	}
	tests := map[string]struct {
		totals
		want float64
	}{
		"no buckets":       {totals{held: 1}, 0},
		"only infinity":    {totals{held: 1, buckets: map[float64]float64{inf: 4}}, 0},
		"all empty":        {totals{buckets: map[float64]float64{0.1: 0, inf: 0}}, 0},
		"one bucket":       {totals{held: 0.6, buckets: map[float64]float64{0.1: 0, 0.2: 4, inf: 4}}, 0.192},
		"beyond the last":  {totals{held: 99*0.05 + 100, buckets: map[float64]float64{0.1: 99, inf: 100}}, 9.476},
		"even from 0 on":   {totals{held: 5, buckets: map[float64]float64{0.1: 100, inf: 100}}, 0.577},
		"exponential":      {totals{held: 1e5, buckets: exponential}, 1},
		"short and long":   {totals{held: 10.9, buckets: map[float64]float64{0.01: 90, 0.95: 90, 1.05: 100, inf: 100}}, 2.86},
		"counts that fall": {totals{held: 5, buckets: map[float64]float64{0.1: 100, 0.2: 90, inf: 100}}, 0.577},
	}
	for name, test := range tests {
		if got := test.cv(); math.Abs(got-test.want) > 0.01 {
			t.Errorf("%s: %v, want %v", name, got, test.want)
		}
	}
}

func TestMetricNamesAreInCatalogue(t *testing.T) {
	t.Parallel()
	var names []string
	for _, row := range catalogue.Rows() {
		names = append(names, row.Documented)
	}
	for _, name := range []string{acquiresMetric, phaseMetric, timeoutsMetric, holdMetric, sizeMetric, overflowMetric, peakMetric, takenMetric, "db_pool_pending_peak"} {
		if !slices.Contains(names, name) {
			t.Errorf("there is no %s", name)
		}
	}
}

func TestBusiestInstanceIsJudged(t *testing.T) {
	t.Parallel()
	quiet, busy := measuredOf(5, 0, 5), measuredOf(5, 0, 3)
	quiet.key, busy.key = key{"api", "a", "main"}, key{"api", "b", "main"}
	quiet.load.Rate, quiet.timeouts = 10, 7
	other := measuredOf(5, 0, 1)
	other.key = key{"batch", "c", "main"}
	got := busiest([]measurement{other, quiet, busy})
	if len(got) != 2 || got[0].instance != "b" || got[0].instances != 2 || got[0].peak != 5 || got[0].timeouts != 7 || got[1].instances != 1 {
		t.Errorf("got %+v", got)
	}
}
