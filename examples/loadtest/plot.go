package main

import (
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"
)

// shortestWait is the lower end of the logarithmic scale of waits, in seconds.
const shortestWait = 10e-6

// scales returns the upper ends of the scales of rates and of waits.
func scales(points []point, goal time.Duration) (rate, wait float64) {
	rate, wait = 1, max(1e-3, 2*goal.Seconds())
	for _, p := range points {
		rate = max(rate, p.rate())
		if w := p.wait(); !math.IsInf(w, 1) {
			wait = max(wait, w)
		}
	}
	return rate, wait
}

// share returns the place of a wait on its scale, from 0 to 1.
func share(wait, top float64) float64 {
	return min(1, max(0, math.Log(wait/shortestWait)/math.Log(top/shortestWait)))
}

// printCurve prints a line of at most 80 columns for each size.
func printCurve(w io.Writer, points []point, goal time.Duration) {
	const rateWidth, waitWidth = 18, 24
	topRate, topWait := scales(points, goal)
	fmt.Fprintln(w, "connections  requests/s                      99 % wait at most (logarithmic)")
	for _, p := range points {
		bar := []byte(strings.Repeat(" ", waitWidth+1))
		copy(bar, strings.Repeat("#", int(math.Round(share(p.wait(), topWait)*waitWidth))))
		if goal > 0 {
			bar[int(math.Round(share(goal.Seconds(), topWait)*waitWidth))] = '|'
		}
		line := fmt.Sprintf("%11d  %10.0f  %-*s  %9s  %s", p.size, p.rate(), rateWidth,
			strings.Repeat("#", int(math.Round(p.rate()/topRate*rateWidth))), formatWait(p.wait()), bar)
		if p.cut {
			line = fmt.Sprintf("%s\n%11s  stopped after %.1f s", strings.TrimRight(line, " "), "", p.elapsed.Seconds())
		}
		fmt.Fprintln(w, strings.TrimRight(line, " "))
	}
	if slices.ContainsFunc(points, func(p point) bool { return math.IsInf(p.wait(), 1) }) {
		fmt.Fprintf(w, "%11s  unbounded: more than 1 %% got none: dropped, canceled or failed\n", "")
	}
	if goal > 0 {
		fmt.Fprintf(w, "%11s  | is the goal, %v\n", "", goal)
	}
}
