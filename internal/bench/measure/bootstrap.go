package measure

import (
	"math/rand/v2"
	"slices"
)

const (
	resamples = 400
	tail      = resamples * (100 - 95) / 100 / 2 // number of values cut off on each side
)

// Bootstrap returns the value of f for n rounds and its 95 % interval. The interval comes from the values of f for n
// rounds drawn at random with repetition.
func Bootstrap(n int, f func(rounds []int) float64) Interval {
	random := rand.New(rand.NewPCG(1, 2)) // fixed seed: equal rounds have equal intervals
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

// Median returns the median of values.
func Median(values []float64) float64 {
	values = slices.Clone(values)
	slices.Sort(values)
	n := len(values)
	return (values[(n-1)/2] + values[n/2]) / 2
}

// Extra returns the cost of one contender beyond a base, as a fraction of another's cost beyond it.
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
