package prometheus

import (
	"slices"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// instrument is an instrument of the catalogue with the metrics it becomes.
type instrument struct {
	name string
	kind string
	rows []catalogue.Row
}

// instruments lists the instruments of the catalogue, and instrumentIndex maps their names to indexes. Both are
// read-only.
var instruments, instrumentIndex = loadInstruments()

func loadInstruments() (all []instrument, index map[string]int) {
	index = map[string]int{}
	for _, row := range catalogue.Rows() {
		i, seen := index[row.Name]
		if !seen {
			i = len(all)
			index[row.Name] = i
			all = append(all, instrument{name: row.Name, kind: row.Kind.PrometheusType()})
		}
		all[i].rows = append(all[i].rows, row)
	}
	return all, index
}

// isDocumented reports whether the series of a state have a documented name. The state is empty if they have none.
func (inst *instrument) isDocumented(state string) bool {
	return slices.ContainsFunc(inst.rows, func(r catalogue.Row) bool {
		return r.Documented != "" && (r.State == "" || r.State == state)
	})
}
