package prometheus

import (
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// documentedNames maps the official exporter's label names to the documented ones.
var documentedNames = map[string]string{
	catalogue.TranslatedLabel(catalogue.AttrPool):      catalogue.LabelPool,
	catalogue.TranslatedLabel(catalogue.AttrOperation): catalogue.LabelOperation,
}

// stateLabel is the label of the state. The name of a documented metric has the state instead.
var stateLabel = catalogue.TranslatedLabel(catalogue.AttrState)

// overflowLabel marks the series that the SDK adds up above an instrument's cardinality limit.
const overflowLabel = "otel_metric_overflow"

// documentedLabels returns a copy of the translated labels with their documented names.
func documentedLabels(translated []*dto.LabelPair) []*dto.LabelPair {
	labels := slices.Clone(translated)
	for i, label := range labels {
		if name, ok := documentedNames[label.GetName()]; ok {
			labels[i] = &dto.LabelPair{Name: &name, Value: label.Value}
		}
	}
	sortLabels(labels)
	renameDuplicates(labels)
	return labels
}

// hasName returns a function that reports whether a label has the name.
func hasName(name string) func(*dto.LabelPair) bool {
	return func(l *dto.LabelPair) bool { return l.GetName() == name }
}

// bucketLabel is the label of a histogram's buckets.
const bucketLabel = "le"

// withoutBucketLabel returns family, or a copy of a histogram's family in which an attribute that became the label of the
// buckets is exported_le. Prometheus rejects the whole page if a series has the label twice.
func withoutBucketLabel(family *dto.MetricFamily) *dto.MetricFamily {
	isBucketLabel := hasName(bucketLabel)
	hasBucketLabel := func(m *dto.Metric) bool { return slices.ContainsFunc(m.GetLabel(), isBucketLabel) }
	if !hasSuffixes(family, "_bucket") || !slices.ContainsFunc(family.Metric, hasBucketLabel) {
		return family
	}
	renamed := cloneFamily(family)
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
			labels[i] = &dto.LabelPair{Name: &name, Value: labels[i].Value}
			sortLabels(labels)
			i = 0 // The new name may be taken too.
		}
	}
}

func sortLabels(labels []*dto.LabelPair) {
	slices.SortStableFunc(labels, func(a, b *dto.LabelPair) int { return strings.Compare(a.GetName(), b.GetName()) })
}

// unshare replaces families with copies, because callers may change them and gatherings share the labels.
func unshare(families []*dto.MetricFamily) {
	for i, family := range families {
		families[i] = cloneFamily(family)
	}
}

// cloneFamily returns a copy of family with its own series and labels; the values are shared.
func cloneFamily(family *dto.MetricFamily) *dto.MetricFamily {
	clone := &dto.MetricFamily{Name: family.Name, Help: family.Help, Type: family.Type, Unit: family.Unit}
	clone.Metric = make([]*dto.Metric, len(family.Metric))
	for i, m := range family.Metric {
		labels := make([]struct {
			dto.LabelPair
			name, value string
		}, len(m.Label))
		clone.Metric[i] = &dto.Metric{}
		copyMetric(clone.Metric[i], m)
		clone.Metric[i].Label = make([]*dto.LabelPair, len(m.Label))
		for j, label := range m.Label {
			l := &labels[j]
			l.name, l.value = label.GetName(), label.GetValue()
			l.Name, l.Value = &l.name, &l.value
			clone.Metric[i].Label[j] = &l.LabelPair
		}
	}
	return clone
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
