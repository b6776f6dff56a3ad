package measure

import (
	"math"
	"time"
)

// Latencies counts operations by their duration, in buckets that are 1.1 % wide.
type Latencies [(latencyOctaves) * latencySteps]uint32

const (
	latencySteps   = 64 // steps of a doubling
	latencyLowest  = 10 // 2^10 ns
	latencyOctaves = 24 // up to 17 s
)

// Add counts an operation.
func (l *Latencies) Add(took time.Duration) {
	at := int((math.Log2(float64(max(1, took))) - latencyLowest) * latencySteps)
	l[min(max(0, at), len(l)-1)]++
}

// Merge adds the counts of other.
func (l *Latencies) Merge(other *Latencies) {
	for i, n := range other {
		l[i] += n
	}
}

// Quantile returns the duration, in seconds, that the fraction q of the operations stayed under.
func (l *Latencies) Quantile(q float64) float64 {
	var all uint64
	for _, n := range l {
		all += uint64(n)
	}
	rest := uint64(math.Ceil(q * float64(all)))
	for i, n := range l {
		if uint64(n) >= rest {
			return math.Exp2(latencyLowest+(float64(i)+0.5)/latencySteps) / 1e9
		}
		rest -= uint64(n)
	}
	return 0
}

// QuantileOf returns a quantile of the operations of all rounds, with its bootstrap interval.
func QuantileOf(rounds []Latencies, q float64) Interval {
	return Bootstrap(len(rounds), func(chosen []int) float64 {
		var all Latencies
		for _, i := range chosen {
			all.Merge(&rounds[i])
		}
		return all.Quantile(q)
	})
}
