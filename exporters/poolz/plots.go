package poolz

import (
	"encoding/json"
	"strings"

	"github.com/otelpool/otelpool-go/internal/printable"
)

// plot is a figure with the values of the last second. The page's script draws the rest.
type plot struct {
	Kind, Title string
	Label       string // the figure in words
	Series      []series
}

type series struct{ Class, Label, Text string }

// newPlots returns the plots of a pool, none if it has no history.
func newPlots(p Pool) []plot {
	if len(p.moments) == 0 {
		return nil
	}
	m := p.moments[len(p.moments)-1]
	count := func(n int64) string { return printable.Number(float64(n)) }
	rate := func(n int64) string {
		if m.Seconds == 0 {
			return "0"
		}
		return printable.Number(float64(n) / m.Seconds)
	}
	plots := []plot{
		{Kind: "connections", Title: "Connections of " + count(p.Report.Settings.MaxConns), Series: []series{
			{"line0", "in use", count(m.Used)}, {"line1", "open", count(m.Used + m.Idle + m.Constructing)},
		}},
		{Kind: "waiting", Title: "Acquires without a connection", Series: []series{{"line0", "waiting", count(m.Waiting)}}},
		{Kind: "times", Title: "Mean time", Series: []series{
			{"line0", "to acquire", each(m.WaitedSeconds, m.Acquires+m.AcquireFailures).Text}, {"line1", "of an operation", each(m.CallSeconds, m.Calls).Text},
		}},
		{Kind: "failures", Title: "Failures a second", Series: []series{
			{"line0", "acquires", rate(m.AcquireFailures)}, {"line1", "operations", rate(m.CallFailures)},
		}},
	}
	for i, plot := range plots {
		words := []string{}
		for _, s := range plot.Series {
			words = append(words, s.Label+" "+s.Text)
		}
		plots[i].Label = "Plot of the last ten minutes. " + plot.Title + " now: " + strings.Join(words, ", ")
	}
	return plots
}

// maxLatest is how many moments the page contains, so that a script that reads it once a second misses none.
const maxLatest = 3

// latest returns the last moments of a pool as JSON.
func latest(p Pool) (string, error) {
	text, err := json.Marshal(p.moments[max(0, len(p.moments)-maxLatest):])
	return string(text), err
}
