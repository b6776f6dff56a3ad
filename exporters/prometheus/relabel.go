package prometheus

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Labels as the official exporter makes them of the attributes.
var (
	poolLabel      = catalogue.TranslatedLabel(catalogue.AttrPool)
	operationLabel = catalogue.TranslatedLabel(catalogue.AttrOperation)
	stateLabel     = catalogue.TranslatedLabel(catalogue.AttrState)
)

// overflowLabel marks the series into which the SDK folds what is above an instrument's limit of attribute sets.
const overflowLabel = "otel_metric_overflow"

// documentedPool and documentedOperation are what the names of all relabelled pairs point to. Label pairs are not
// changed after they are gathered, so one string each will do.
var (
	documentedPool      = catalogue.LabelPool
	documentedOperation = catalogue.LabelOperation
)

// relabel gives series the labels of documented metrics, in place, and drops the state label where the metric's name
// says the state.
func relabel(series []*dto.Metric, dropState bool) {
	for _, m := range series {
		if dropState {
			m.Label = slices.DeleteFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == stateLabel })
		}
		for _, label := range m.Label {
			switch label.GetName() {
			case poolLabel:
				label.Name = &documentedPool
			case operationLabel:
				label.Name = &documentedOperation
			}
		}
		sortLabels(m.Label)
		makeRoom(m.Label)
	}
}

// makeRoom renames a label of the user's that has the name of a documented one, as Prometheus does when a target's label
// collides with its own. Of two such labels the user's is the second: sorting is stable, and the names that the official
// exporter gave to the documented ones begin with db.
func makeRoom(labels []*dto.LabelPair) {
	for i := 1; i < len(labels); i++ {
		if labels[i].GetName() == labels[i-1].GetName() {
			name := "exported_" + labels[i].GetName()
			labels[i].Name = &name
			sortLabels(labels)
			i = 0 // The new name may be taken too.
		}
	}
}

func sortLabels(labels []*dto.LabelPair) {
	slices.SortStableFunc(labels, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
}

// cloneSeries returns copies of series that can be relabelled; values are shared. Few large allocations cost less than
// one for every label.
func cloneSeries(series []*dto.Metric) []*dto.Metric {
	labels := 0
	for _, m := range series {
		labels += len(m.Label)
	}
	var (
		metrics  = make([]dto.Metric, len(series))
		pairs    = make([]dto.LabelPair, labels)
		pointers = make([]*dto.LabelPair, labels)
		clones   = make([]*dto.Metric, len(series))
	)
	for i, m := range series {
		n := len(m.Label)
		for j, label := range m.Label {
			pairs[j].Name, pairs[j].Value = label.Name, label.Value
			pointers[j] = &pairs[j]
		}
		clone := &metrics[i]
		share(clone, m)
		clone.Label = pointers[:n:n]
		clones[i] = clone
		pairs, pointers = pairs[n:], pointers[n:]
	}
	return clones
}

// share makes to have what from has.
func share(to, from *dto.Metric) {
	to.Label = from.Label
	to.Gauge = from.Gauge
	to.Counter = from.Counter
	to.Summary = from.Summary
	to.Untyped = from.Untyped
	to.Histogram = from.Histogram
	to.TimestampMs = from.TimestampMs
}

// hasOverflow tells whether one of series is the one that the SDK folds others into.
func hasOverflow(series []*dto.Metric) bool {
	return slices.ContainsFunc(series, func(m *dto.Metric) bool {
		return slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == overflowLabel })
	})
}
