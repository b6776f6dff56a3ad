package prometheus

import (
	"slices"

	dto "github.com/prometheus/client_model/go"

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

// families returns the families of the series: the documented ones, and a translated one. The translated one has all
// series if both is true, and otherwise those without a documented name. families changes series, but not those of the
// translated family.
func (inst *instrument) families(
	series []*dto.Metric, description string, both bool,
) (documented []*dto.MetricFamily, translated *dto.MetricFamily) {
	rest := series
	for _, row := range inst.rows {
		if row.Documented == "" {
			continue
		}
		var own []*dto.Metric
		own, rest = splitState(rest, row.State)
		if both {
			own = cloneSeries(own)
		}
		relabel(own, row.State != "")
		documented = append(documented, newFamily(row.Documented, row.Help, inst.kind, own))
	}
	if both {
		rest = series
	}
	return documented, newFamily(inst.rows[0].TranslatedName(), description, inst.kind, rest)
}

// splitState separates the series of a state from the rest. All series belong to the empty state.
func splitState(series []*dto.Metric, state string) (own, rest []*dto.Metric) {
	if state == "" {
		return series, nil
	}
	for _, m := range series {
		if slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool {
			return l.GetName() == stateLabel && l.GetValue() == state
		}) {
			own = append(own, m)
		} else {
			rest = append(rest, m)
		}
	}
	return own, rest
}

func newFamily(name, help, kind string, series []*dto.Metric) *dto.MetricFamily {
	return &dto.MetricFamily{Name: &name, Help: &help, Type: familyTypes[kind].Enum(), Metric: series}
}

// familyTypes maps the names that catalogue.Kind.PrometheusType returns to types.
var familyTypes = map[string]dto.MetricType{
	"counter":   dto.MetricType_COUNTER,
	"gauge":     dto.MetricType_GAUGE,
	"histogram": dto.MetricType_HISTOGRAM,
}
