package prometheus

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Names of the labels that the official exporter makes of the attributes.
var (
	poolLabel      = catalogue.TranslatedLabel(catalogue.AttrPool)
	operationLabel = catalogue.TranslatedLabel(catalogue.AttrOperation)
	stateLabel     = catalogue.TranslatedLabel(catalogue.AttrState)
)

// overflowLabel marks the series that the SDK adds up above an instrument's cardinality limit.
const overflowLabel = "otel_metric_overflow"

// All relabelled pairs point to these two names. Nothing changes a label pair after it is gathered.
var (
	documentedPool      = catalogue.LabelPool
	documentedOperation = catalogue.LabelOperation
)

// relabel changes the labels of series to those of documented metrics, in place. With dropState it removes the state
// label, because the name of the metric contains the state.
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
		renameDuplicates(m.Label)
	}
}

// bucketLabel is the label of a histogram's buckets.
const bucketLabel = "le"

// withoutBucketLabel returns family, or a copy of a histogram's family in which an attribute that became the label of the
// buckets is exported_le. Prometheus rejects the whole page if a series has the label twice.
func withoutBucketLabel(family *dto.MetricFamily) *dto.MetricFamily {
	isBucketLabel := func(l *dto.LabelPair) bool { return l.GetName() == bucketLabel }
	hasBucketLabel := func(m *dto.Metric) bool { return slices.ContainsFunc(m.GetLabel(), isBucketLabel) }
	if !hasSuffixes(family, "_bucket") || !slices.ContainsFunc(family.Metric, hasBucketLabel) {
		return family
	}
	renamed := &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type, Unit: family.Unit, Metric: cloneSeries(family.Metric)}
	for _, m := range renamed.Metric {
		if i := slices.IndexFunc(m.Label, isBucketLabel); i >= 0 {
			name := exportedPrefix + bucketLabel
			m.Label[i].Name = &name
			sortLabels(m.Label)
			renameDuplicates(m.Label)
		}
	}
	return renamed
}

// exportedPrefix is what Prometheus puts before a label that collides with one of its own.
const exportedPrefix = "exported_"

// renameDuplicates renames a user's label that has the name of a documented one, as Prometheus renames a target's label
// that collides with its own. The user's label is the second of the two: sorting is stable, and the official exporter's
// names of the documented labels begin with db.
func renameDuplicates(labels []*dto.LabelPair) {
	for i := 1; i < len(labels); i++ {
		if labels[i].GetName() == labels[i-1].GetName() {
			name := exportedPrefix + labels[i].GetName()
			labels[i].Name = &name
			sortLabels(labels)
			i = 0 // The new name may be taken too.
		}
	}
}

func sortLabels(labels []*dto.LabelPair) {
	slices.SortStableFunc(labels, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
}

// cloneSeries returns copies of series with their own labels; the values are shared. A few large allocations cost less
// than one for every label.
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
		copyMetric(clone, m)
		clone.Label = pointers[:n:n]
		clones[i] = clone
		pairs, pointers = pairs[n:], pointers[n:]
	}
	return clones
}

// copyMetric sets all fields of to from those of from.
func copyMetric(to, from *dto.Metric) {
	to.Label = from.Label
	to.Gauge = from.Gauge
	to.Counter = from.Counter
	to.Summary = from.Summary
	to.Untyped = from.Untyped
	to.Histogram = from.Histogram
	to.TimestampMs = from.TimestampMs
}

// hasOverflow reports whether series contains the one into which the SDK adds up others.
func hasOverflow(series []*dto.Metric) bool {
	return slices.ContainsFunc(series, func(m *dto.Metric) bool {
		return slices.ContainsFunc(m.Label, func(l *dto.LabelPair) bool { return l.GetName() == overflowLabel })
	})
}
