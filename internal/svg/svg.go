// Package svg draws plots of a few measured points as SVG.
package svg

import (
	"fmt"
	"html"
	"slices"
	"strings"
)

// Point is a point of a line. X and Y are fractions of the width and the height, from the lower left corner.
type Point struct {
	X, Y  float64
	Tick  string // below the axis
	Title string // shown when the mouse is over the point
}

// Line is a line through points.
type Line struct {
	Name   string // in the legend, unless it is empty
	Color  string
	Points []Point
}

// Panel is a pair of axes.
type Panel struct {
	Title string
	Top   string // label at the top of the vertical axis
	Lines []Line

	// Mark is the height of a dashed line, as a fraction. Without MarkName there is no line.
	Mark     float64
	MarkName string
}

// Document returns the panels as one image, one below the other.
func Document(panels ...Panel) string {
	const left, height, pitch = 70.0, 160.0, 220.0
	var b strings.Builder
	total := 20 + pitch*float64(len(panels))
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 %.0f" font-family="sans-serif" font-size="12">
<rect width="640" height="100%%" fill="white"/>
`, total)
	text := func(x, y float64, anchor, color, s string) {
		fmt.Fprintf(&b, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=%q fill=%q>%s</text>\n",
			x, y, anchor, color, html.EscapeString(s))
	}
	for i, p := range panels {
		bottom, right := pitch*float64(i+1)-20, 610.0
		if slices.ContainsFunc(p.Lines, func(l Line) bool { return l.Name != "" }) {
			right = 430 // the legend is beside the axes
		}
		text(left, bottom-height-12, "start", "black", p.Title)
		text(left-6, bottom-height+4, "end", "black", p.Top)
		fmt.Fprintf(&b, "<path d=\"M%.0f %.0fV%.0fH%.0f\" fill=\"none\" stroke=\"gray\"/>\n",
			left, bottom-height, bottom, right)
		for n, line := range p.Lines {
			if line.Name != "" {
				text(right+20, bottom-height+16*float64(n+1), "start", line.Color, line.Name)
			}
			var points strings.Builder
			for _, point := range line.Points {
				x, y := left+(right-left)*point.X, bottom-height*point.Y
				fmt.Fprintf(&points, "%.1f,%.1f ", x, y)
				fmt.Fprintf(&b, "<circle cx=\"%.1f\" cy=\"%.1f\" r=\"4\" fill=%q><title>%s</title></circle>\n",
					x, y, line.Color, html.EscapeString(point.Title))
				if n == 0 {
					text(x, bottom+16, "middle", "black", point.Tick)
				}
			}
			fmt.Fprintf(&b, "<polyline points=%q fill=\"none\" stroke=%q/>\n", strings.TrimSpace(points.String()), line.Color)
		}
		if p.MarkName != "" {
			y := bottom - height*p.Mark
			fmt.Fprintf(&b, "<path d=\"M%.0f %.1fH%.0f\" stroke=\"gray\" stroke-dasharray=\"4\"/>\n", left, y, right)
			text(right, y-4, "end", "black", p.MarkName)
		}
	}
	b.WriteString("</svg>\n")
	return b.String()
}
