package stacktest

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/integration/stack"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// Page reads a page of metrics in the text format.
func Page(t testing.TB, url string) map[string]*dto.MetricFamily {
	t.Helper()
	families, err := stack.Page(t.Context(), url)
	testutil.NoError(t, err)
	return families
}

// Samples returns the samples of a metric as Prometheus stores them.
func Samples(t testing.TB, family *dto.MetricFamily) model.Vector {
	t.Helper()
	vector, err := expfmt.ExtractSamples(&expfmt.DecodeOptions{}, family)
	testutil.NoError(t, err)
	return vector
}

// Key returns the name of a series in PromQL. It does not depend on the spelling of a boundary.
func Key(labels model.Metric) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(labels)) {
		value := string(labels[name])
		if bound, err := strconv.ParseFloat(value, 64); err == nil && name == model.BucketLabel {
			value = strconv.FormatFloat(bound, 'g', -1, 64)
		}
		if name != model.MetricNameLabel {
			pairs = append(pairs, fmt.Sprintf("%s=%q", name, value))
		}
	}
	return string(labels[model.MetricNameLabel]) + "{" + strings.Join(pairs, ",") + "}"
}

// Differences lists the series whose values differ. Sums may differ by rounding, because each reader of a MeterProvider
// may add concurrent measurements in another order.
func Differences(got, want map[string]float64) []string {
	var found []string
	for _, key := range slices.Sorted(maps.Keys(want)) {
		name, _, _ := strings.Cut(key, "{")
		rounding := 0.
		if strings.HasSuffix(name, "_sum") || strings.HasSuffix(name, "_seconds_total") {
			rounding = 1e-12 * math.Abs(want[key])
		}
		if value, has := got[key]; !has {
			found = append(found, "missing: "+key)
		} else if math.Abs(value-want[key]) > rounding {
			found = append(found, fmt.Sprintf("%s is %v, want %v", key, value, want[key]))
		}
	}
	for _, key := range slices.Sorted(maps.Keys(got)) {
		if _, has := want[key]; !has {
			found = append(found, "too many: "+key)
		}
	}
	return found
}
