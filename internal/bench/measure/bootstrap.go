package measure

import (
	"math/rand/v2"
	"slices"
)

const (
	resamples = 400
	tail      = resamples * (100 - 95) / 100 / 2 // of the values, on each side
)

// Bootstrap gives a value that is computed of n rounds together, with the interval between which 95 % of the values lie
// that are computed of n of them drawn at random, some of them more than once.
func Bootstrap(n int, f func(rounds []int) float64) Interval {
	random := rand.New(rand.NewPCG(1, 2)) // the same numbers give the same interval
	chosen := make([]int, n)
	for i := range chosen {
		chosen[i] = i
	}
	mid := f(chosen)
	values := make([]float64, resamples)
	for i := range values {
		for j := range chosen {
			chosen[j] = random.IntN(n)
		}
		values[i] = f(chosen)
	}
	slices.Sort(values)
	return Interval{Mid: mid, Low: values[tail], High: values[resamples-1-tail]}
}

// Median gives the median of values.
func Median(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// Extra gives what of costs beyond a base, as a part of what another costs beyond it.
func (r Rounds) Extra(of, to, base string, cost func(Slice) float64) Interval {
	a, b, c := r.Index(of), r.Index(to), r.Index(base)
	return Bootstrap(len(r.Slices), func(rounds []int) float64 {
		ours, theirs := make([]float64, len(rounds)), make([]float64, len(rounds))
		for i, round := range rounds {
			s := r.Slices[round]
			ours[i], theirs[i] = cost(s[a])/cost(s[c]), cost(s[b])/cost(s[c])
		}
		return (Median(ours) - 1) / (Median(theirs) - 1)
	})
}
