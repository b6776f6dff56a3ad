package main

import (
	"cmp"
	"maps"
	"math"
	"slices"
	"strconv"

	"github.com/prometheus/common/model"
)

// Names of the metrics on the page of the Prometheus bridge.
const (
	acquiresMetric = "db_pool_acquires_total"
	phaseMetric    = "db_pool_acquire_phase_seconds_total"
	timeoutsMetric = "db_pool_timeouts_total"
	holdMetric     = "db_pool_hold_duration_seconds"
	sizeMetric     = "db_pool_size"
	overflowMetric = "db_pool_num_overflow"
	peakMetric     = "db_pool_peak"
	takenMetric    = "db_pool_checked_out"
)

// samplesFigure is not a metric but the number of samples in the mean of takenMetric.
const samplesFigure = "samples of " + takenMetric

// cvFigure is not a metric but the CV that Prometheus calculates from a native histogram of hold times.
const cvFigure = "CV of " + holdMetric

// key identifies a pool. On a service's own page only the pool's name is known.
type key struct {
	job, instance, pool string
}

func (k key) compare(other key) int {
	return cmp.Or(cmp.Compare(k.job, other.job), cmp.Compare(k.pool, other.pool), cmp.Compare(k.instance, other.instance))
}

// totals holds the figures of one pool: its counters, since its start or over a duration, and its gauges.
type totals struct {
	acquires, timeouts float64
	queued             float64 // seconds without a connection
	taking             float64 // seconds to connect, ping and prepare
	holds, held        float64 // number of finished holds, and their seconds
	buckets            map[float64]float64
	spread             float64 // CV of the holds without buckets, 0 if unknown

	size, overflow, peak float64
	taken                float64 // connections that are not idle: now, or on average of the samples
	samples              float64
}

type totalsByPool map[key]*totals

// add adds a sample of a metric by its name on the page. It ignores NaN and other metrics.
func (t totalsByPool) add(name string, labels model.Metric, value float64) {
	if math.IsNaN(value) || math.IsInf(value, 0) {
		return
	}
	k := key{job: string(labels["job"]), instance: string(labels["instance"]), pool: string(labels["pool"])}
	of := t[k]
	if of == nil {
		of = &totals{buckets: map[float64]float64{}}
	}
	to := map[string]*float64{
		acquiresMetric: &of.acquires, timeoutsMetric: &of.timeouts, phaseMetric: &of.taking,
		holdMetric + "_count": &of.holds, holdMetric + "_sum": &of.held,
		sizeMetric: &of.size, overflowMetric: &of.overflow, peakMetric: &of.peak,
		takenMetric: &of.taken, samplesFigure: &of.samples,
	}[name]
	switch {
	case name == phaseMetric && labels["phase"] == "queue":
		of.queued += value
	case name == cvFigure:
		of.spread = value
	case name == holdMetric+"_bucket":
		bound, err := strconv.ParseFloat(string(labels["le"]), 64)
		if err != nil {
			return
		}
		of.buckets[bound] += value
	case to != nil:
		*to += value
	default:
		return
	}
	t[k] = of
}

// keys returns the keys, sorted.
func (t totalsByPool) keys() []key {
	return slices.SortedFunc(maps.Keys(t), key.compare)
}

// missesHolds reports whether a used pool has no hold times.
func (t totalsByPool) missesHolds() bool {
	for _, of := range t {
		if of.size > 0 && of.acquires > 0 && of.holds <= 0 {
			return true
		}
	}
	return false
}

// since returns the increase since before. It returns false if a counter fell, because the process is then another one.
func (t *totals) since(before *totals) (d *totals, ok bool) {
	diff := *t
	diff.acquires -= before.acquires
	diff.timeouts -= before.timeouts
	diff.queued -= before.queued
	diff.taking -= before.taking
	diff.holds -= before.holds
	diff.held -= before.held
	diff.buckets = map[float64]float64{}
	least := min(diff.acquires, diff.timeouts, diff.queued, diff.taking, diff.holds, diff.held)
	for bound, count := range t.buckets {
		diff.buckets[bound] = count - before.buckets[bound]
		least = min(least, diff.buckets[bound])
	}
	return &diff, least >= 0
}

// cv estimates the coefficient of variation of the hold times from their buckets. It assumes an even distribution
// within each. It returns 0 if there are neither buckets nor a CV by Prometheus, as with exponential histograms in
// text.
func (t *totals) cv() float64 {
	if t.spread > 0 {
		return t.spread
	}
	bounds := slices.Sorted(maps.Keys(t.buckets))
	if len(bounds) < 2 {
		return 0
	}
	var count, sum, squares, low, below float64
	for _, high := range bounds {
		n := max(0, t.buckets[high]-below)
		below = max(below, t.buckets[high])
		if math.IsInf(high, 1) && n > 0 {
			// Their mean follows from the exact sum and the other buckets. Their spread is unknown.
			mean := max(low, (t.held-sum)/n)
			count, sum, squares = count+n, sum+n*mean, squares+n*mean*mean
			break
		}
		if n > 0 {
			count, sum, squares = count+n, sum+n*(low+high)/2, squares+n*(low*low+low*high+high*high)/3
		}
		low = high
	}
	if count == 0 || sum == 0 {
		return 0
	}
	mean := sum / count
	return math.Sqrt(max(0, squares/count/(mean*mean)-1))
}
