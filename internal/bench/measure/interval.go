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
	sample := benchmath.NewSample(slices.Clone(values), &benchmath.DefaultThresholds)
	s := benchmath.AssumeNothing.Summary(sample, confidence)
	return Interval{Mid: s.Center, Low: s.Lo, High: s.Hi}
}

// Exactly returns a number as an interval without width.
func Exactly(n float64) Interval { return Interval{Mid: n, Low: n, High: n} }

// String returns the value and its bounds with two decimals.
func (i Interval) String() string { return i.Format(1, 2) }

// Format returns the value and its bounds as multiples of a unit, or the value alone if the interval has no width.
func (i Interval) Format(unit float64, decimals int) string {
	if i.Low == i.High {
		return fmt.Sprintf("%.*f", decimals, i.Mid/unit)
	}
	return fmt.Sprintf("%.*f (%.*f–%.*f)", decimals, i.Mid/unit, decimals, i.Low/unit, decimals, i.High/unit)
}

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

// Difference returns by how much the cost of one contender exceeds another's.
func (r Rounds) Difference(of, from string, cost func(Slice) float64) Interval {
	a, b := r.Index(of), r.Index(from)
	return Of(r.Each(func(s []Slice) float64 { return cost(s[a]) - cost(s[b]) }))
}
