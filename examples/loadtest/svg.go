package main

import (
	"fmt"
	"strings"
	"time"
)

// svg returns the plot as a document: the rate above, the waits below, both by size.
func svg(points []point, goal time.Duration) string {
	const left, right, height = 70, 610, 160
	topRate, topWait := scales(points, goal)
	largest := 1
	for _, p := range points {
		largest = max(largest, p.size)
	}
	x := func(p point) float64 { return left + float64(right-left)*float64(p.size)/float64(largest) }
	var b strings.Builder
	b.WriteString(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 460" font-family="sans-serif" font-size="12">
<rect width="640" height="460" fill="white"/>
`)
	panel := func(bottom float64, title, top, color string, y func(point) float64, label func(point) string) {
		fmt.Fprintf(&b, `<text x="%d" y="%.0f">%s</text>
<text x="%d" y="%.0f" text-anchor="end">%s</text>
<path d="M%d %.0fV%.0fH%d" fill="none" stroke="gray"/>
`, left, bottom-height-12, title, left-6, bottom-height+4, top, left, bottom-height, bottom, right)
		line := ""
		for _, p := range points {
			line += fmt.Sprintf(" %.1f,%.1f", x(p), bottom-height*y(p))
		}
		fmt.Fprintf(&b, "<polyline points=%q fill=\"none\" stroke=%q/>\n", strings.TrimSpace(line), color)
		for _, p := range points {
			fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=%q><title>%s: %s</title></circle>\n",
				x(p), bottom-height*y(p), color, connections(p.size), label(p))
			fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%d</text>\n", x(p), bottom+16, p.size)
		}
	}
	panel(200, "requests a second, by connections", fmt.Sprintf("%.0f", topRate), "steelblue",
		func(p point) float64 { return p.rate() / topRate },
		func(p point) string { return fmt.Sprintf("%.0f requests a second", p.rate()) })
	panel(420, "99 % of the requests wait at most, by connections (logarithmic)", formatSeconds(topWait), "firebrick",
		func(p point) float64 { return share(p.wait(), topWait) },
		func(p point) string { return waited(p.wait()) })
	if goal > 0 {
		y := 420 - height*share(goal.Seconds(), topWait)
		fmt.Fprintf(&b, "<path d=\"M%d %.1fH%d\" stroke=\"gray\" stroke-dasharray=\"4\"/>\n", left, y, right)
		fmt.Fprintf(&b, "<text x=\"%d\" y=\"%.1f\" text-anchor=\"end\">goal %v</text>\n", right, y-4, goal)
	}
	b.WriteString("</svg>\n")
	return b.String()
}
