package measure

import (
	"fmt"
	"slices"

	"golang.org/x/perf/benchmath"
)

const confidence = 0.95

// Interval is a value with the bounds between which it lies with 95 % confidence.
type Interval struct{ Mid, Low, High float64 }

// Of gives the median of values with its interval, by the mathematics of benchstat, which assume no distribution.
func Of(values []float64) Interval {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), confidence)
	return Interval{Mid: s.Center, Low: s.Lo, High: s.Hi}
}

// Map gives the interval of a value that is computed from this one, which f must do monotonously.
func (i Interval) Map(f func(float64) float64) Interval {
	low, high := f(i.Low), f(i.High)
	return Interval{Mid: f(i.Mid), Low: min(low, high), High: max(low, high)}
}

// String gives the value and its bounds with two decimals.
func (i Interval) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", i.Mid, i.Low, i.High) }

// Index gives the place of a contender, and panics if there is none of that name.
func (r Rounds) Index(name string) int {
	at := slices.Index(r.Names, name)
	if at < 0 {
		panic(fmt.Sprintf("measure: no contender %q", name))
	}
	return at
}

// Each gives a value of every round.
func (r Rounds) Each(f func([]Slice) float64) []float64 {
	values := make([]float64, len(r.Slices))
	for i, s := range r.Slices {
		values[i] = f(s)
	}
	return values
}

// Cost gives what a contender costs.
func (r Rounds) Cost(name string, cost func(Slice) float64) Interval {
	at := r.Index(name)
	return Of(r.Each(func(s []Slice) float64 { return cost(s[at]) }))
}

// Ratio gives the cost of one contender as a multiple of another's.
func (r Rounds) Ratio(of, to string, cost func(Slice) float64) Interval {
	a, b := r.Index(of), r.Index(to)
	return Of(r.Each(func(s []Slice) float64 { return cost(s[a]) / cost(s[b]) }))
}
