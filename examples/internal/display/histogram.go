package display

import (
	"math"
	"slices"
)

// Histogram is the sum of series with equal buckets.
type Histogram struct {
	Bounds []float64
	UpTo   []uint64 // numbers of values up to the bounds
	Count  uint64
	Sum    float64 // of the values
}

// Since returns the values added after an earlier state.
func (h Histogram) Since(earlier Histogram) Histogram {
	later := Histogram{Bounds: h.Bounds, UpTo: slices.Clone(h.UpTo), Count: h.Count - earlier.Count, Sum: h.Sum - earlier.Sum}
	for i, n := range earlier.UpTo {
		later.UpTo[i] -= n
	}
	return later
}

// Quantile returns an estimate like PromQL's histogram_quantile: it interpolates within a bucket, and returns the
// highest bound for values above it. It returns NaN for an empty histogram.
func (h Histogram) Quantile(q float64) float64 {
	if h.Count == 0 || len(h.Bounds) == 0 {
		return math.NaN()
	}
	rank := q * float64(h.Count)
	var below, lower float64
	for i, upper := range h.Bounds {
		if upTo := float64(h.UpTo[i]); upTo >= rank && upTo > below {
			return lower + (upper-lower)*(rank-below)/(upTo-below)
		}
		below, lower = float64(h.UpTo[i]), upper
	}
	return lower
}
