package main

import (
	"math"

	dto "github.com/prometheus/client_model/go"
)

// histogram is the sum of series with equal buckets.
type histogram struct {
	bounds     []float64
	cumulative []uint64 // numbers of values up to the bounds
	count      uint64
}

func (h *histogram) add(series *dto.Histogram) {
	first := h.bounds == nil
	for i, bucket := range series.GetBucket() {
		switch {
		case math.IsInf(bucket.GetUpperBound(), 1):
		case first:
			h.bounds = append(h.bounds, bucket.GetUpperBound())
			h.cumulative = append(h.cumulative, bucket.GetCumulativeCount())
		case i < len(h.bounds):
			h.cumulative[i] += bucket.GetCumulativeCount()
		}
	}
	h.count += series.GetSampleCount()
}

// since returns the values added after an earlier state.
func (h histogram) since(earlier histogram) histogram {
	later := histogram{bounds: h.bounds, cumulative: append([]uint64(nil), h.cumulative...), count: h.count - earlier.count}
	for i, n := range earlier.cumulative {
		later.cumulative[i] -= n
	}
	return later
}

// quantile returns an estimate like PromQL's histogram_quantile: it interpolates within a bucket, and returns the
// highest bound for values above it. It returns NaN for an empty histogram.
func (h histogram) quantile(q float64) float64 {
	if h.count == 0 || len(h.bounds) == 0 {
		return math.NaN()
	}
	rank := q * float64(h.count)
	var below, lower float64
	for i, upper := range h.bounds {
		if upTo := float64(h.cumulative[i]); upTo >= rank && upTo > below {
			return lower + (upper-lower)*(rank-below)/(upTo-below)
		}
		below, lower = float64(h.cumulative[i]), upper
	}
	return lower
}
