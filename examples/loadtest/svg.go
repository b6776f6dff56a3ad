package main

import (
	"fmt"
	"time"

	"github.com/otelpool/otelpool-go/examples/internal/display"
	plot "github.com/otelpool/otelpool-go/internal/svg"
)

// svg returns the plot as a document: the rate above, the waits below, both by size.
func svg(points []point, goal time.Duration) string {
	topRate, topWait := scales(points, goal)
	largest := 1
	for _, p := range points {
		largest = max(largest, p.size)
	}
	line := func(color string, y func(point) float64, label func(point) string) []plot.Line {
		line := plot.Line{Color: color}
		for _, p := range points {
			line.Points = append(line.Points, plot.Point{
				X: float64(p.size) / float64(largest), Y: y(p), Tick: fmt.Sprint(p.size),
				Title: connections(p.size) + ": " + label(p),
			})
		}
		return []plot.Line{line}
	}
	waits := plot.Panel{
		Title: "99 % of the requests wait at most, by connections (logarithmic)", Top: display.Seconds(topWait),
		Lines: line("firebrick", func(p point) float64 { return share(p.wait(), topWait) },
			func(p point) string { return waited(p.wait()) }),
	}
	if goal > 0 {
		waits.Mark, waits.MarkName = share(goal.Seconds(), topWait), fmt.Sprintf("goal %v", goal)
	}
	return plot.Document(plot.Panel{
		Title: "requests a second, by connections", Top: fmt.Sprintf("%.0f", topRate),
		Lines: line("steelblue", func(p point) float64 { return p.rate() / topRate },
			func(p point) string { return fmt.Sprintf("%.0f requests a second", p.rate()) }),
	}, waits)
}
