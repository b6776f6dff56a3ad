package measure

import (
	"fmt"
	"slices"

	"golang.org/x/perf/benchmath"
)

const confidence = 0.95

// Interval is a value with its 95 % confidence bounds.
type Interval struct{ Mid, Low, High float64 }

// Of returns the median of values with its interval. It uses the method of benchstat, which assumes no distribution.
func Of(values []float64) Interval {
	s := benchmath.AssumeNothing.Summary(benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds), confidence)
	return Interval{Mid: s.Center, Low: s.Lo, High: s.Hi}
}

// Map returns the interval of f of the value. The function f must be monotonic.
func (i Interval) Map(f func(float64) float64) Interval {
	low, high := f(i.Low), f(i.High)
	return Interval{Mid: f(i.Mid), Low: min(low, high), High: max(low, high)}
}

// String returns the value and its bounds with two decimals.
func (i Interval) String() string { return fmt.Sprintf("%.2f (%.2f–%.2f)", i.Mid, i.Low, i.High) }

// Index returns the index of a contender, and panics if no contender has that name.
func (r Rounds) Index(name string) int {
	at := slices.Index(r.Names, name)
	if at < 0 {
		panic(fmt.Sprintf("measure: no contender %q", name))
	}
	return at
}

// Each returns a value of every round.
func (r Rounds) Each(f func([]Slice) float64) []float64 {
	values := make([]float64, len(r.Slices))
	for i, s := range r.Slices {
		values[i] = f(s)
	}
	return values
}

// Cost returns the cost of a contender.
func (r Rounds) Cost(name string, cost func(Slice) float64) Interval {
	at := r.Index(name)
	return Of(r.Each(func(s []Slice) float64 { return cost(s[at]) }))
}

// Ratio returns the cost of one contender as a multiple of another's.
func (r Rounds) Ratio(of, to string, cost func(Slice) float64) Interval {
	a, b := r.Index(of), r.Index(to)
	return Of(r.Each(func(s []Slice) float64 { return cost(s[a]) / cost(s[b]) }))
}
