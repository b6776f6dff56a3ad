package main

import (
	"fmt"
	"os"
	"runtime"
	"time"

	"github.com/otelpool/otelpool-go/internal/bench/measure"
	"github.com/otelpool/otelpool-go/internal/svg"
)

var plotColors = []string{"gray", "firebrick", "steelblue", "seagreen", "darkorange"}

// drawPlot writes a plot of the processor time of a cycle by the number of goroutines that share a pool.
func drawPlot(file string, budget time.Duration) error {
	var goroutines []int
	for n := 1; n <= min(8, 4*runtime.GOMAXPROCS(0)); n *= 2 {
		goroutines = append(goroutines, n)
	}
	most := float64(goroutines[len(goroutines)-1])
	panel := svg.Panel{Title: "processor time of a cycle, by goroutines that share a pool"}
	top := 0.0
	for _, n := range goroutines {
		costs, err := measureCycles(mainCases(), n, measure.Interleave, loadedSlice, budget/time.Duration(len(goroutines)))
		if err != nil {
			return err
		}
		for i, name := range costs.Names {
			if len(panel.Lines) == i {
				panel.Lines = append(panel.Lines, svg.Line{Name: name, Color: plotColors[i]})
			}
			cost := costs.Cost(name, measure.CPUPerOp)
			top = max(top, cost.Mid)
			panel.Lines[i].Points = append(panel.Lines[i].Points, svg.Point{
				X: float64(n) / most, Y: cost.Mid, Tick: fmt.Sprint(n),
				Title: fmt.Sprintf("%s, goroutines: %d: %s", name, n, nanoseconds(cost)),
			})
		}
	}
	panel.Top = fmt.Sprintf("%.0f ns", top*1e9)
	for _, line := range panel.Lines {
		for i := range line.Points {
			line.Points[i].Y /= top
		}
	}
	return os.WriteFile(file, []byte(svg.Document(panel)), 0o644)
}
