package prometheus

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	dto "github.com/prometheus/client_model/go"
)

// normalize sorts the series of family in the order of a prometheus.Registry. It removes duplicates, because Prometheus
// would reject the page, and returns an error that names the first.
func normalize(family *dto.MetricFamily) error {
	slices.SortStableFunc(family.Metric, compareSeries)

	var first *dto.Metric
	before := len(family.Metric)
	family.Metric = slices.CompactFunc(family.Metric, func(a, b *dto.Metric) bool {
		same := compareSeries(a, b) == 0
		if same && first == nil {
			first = b
		}
		return same
	})
	if first == nil {
		return nil
	}
	return fmt.Errorf("prometheus: metric %q has %d duplicate series, which are left out; the first is %s",
		family.GetName(), before-len(family.Metric), formatLabels(first.Label))
}

// compareSeries orders series by the number of labels, then by label values, label names and timestamp. It returns 0
// for duplicates.
func compareSeries(a, b *dto.Metric) int {
	if len(a.Label) != len(b.Label) {
		return cmp.Compare(len(a.Label), len(b.Label))
	}
	for i := range a.Label {
		if c := strings.Compare(a.Label[i].GetValue(), b.Label[i].GetValue()); c != 0 {
			return c
		}
	}
	for i := range a.Label {
		if c := strings.Compare(a.Label[i].GetName(), b.Label[i].GetName()); c != 0 {
			return c
		}
	}
	return cmp.Compare(a.GetTimestampMs(), b.GetTimestampMs())
}

func formatLabels(labels []*dto.LabelPair) string {
	pairs := make([]string, len(labels))
	for i, label := range labels {
		pairs[i] = fmt.Sprintf("%s=%q", label.GetName(), label.GetValue())
	}
	return "{" + strings.Join(pairs, ",") + "}"
}
