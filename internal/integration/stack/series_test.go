package stack_test

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// origin lists the labels that identify the source of a series. Comparisons of edges ignore them. The last one marks
// the series of the recording rules.
var origin = []string{"job", "instance", "otelpool_edge"}

// documentedSeries returns the names of the series in the table of metrics, including the parts of histograms.
func documentedSeries() map[string]bool {
	names := make(map[string]bool)
	for _, row := range catalogue.Rows() {
		switch {
		case row.Documented == "" || !row.Default || row.Database || row.Documented == "db_pool_finding": // which the service has turned off
		case row.Kind == catalogue.Histogram:
			for _, part := range []string{"_bucket", "_sum", "_count"} {
				names[row.Documented+part] = true
			}
		default:
			names[row.Documented] = true
		}
	}
	return names
}

// compare lists the differences between two edges. Counts and states must be equal. Sums of seconds may differ by
// their rounding, because each reader of the SDK adds up concurrent measurements in its own order.
func compare(aName string, a map[string]float64, bName string, b map[string]float64) []string {
	var lines []string
	for _, k := range slices.Sorted(maps.Keys(a)) {
		other, ok := b[k]
		rounding := 0.
		if strings.HasSuffix(nameOf(k), "_sum") {
			rounding = 1e-12 * a[k]
		}
		switch {
		case !ok:
			lines = append(lines, fmt.Sprintf("%s has %s, %s has not", aName, k, bName))
		case !(math.Abs(a[k]-other) <= rounding):
			lines = append(lines, fmt.Sprintf("%s: %s says %v, %s says %v", k, aName, a[k], bName, other))
		}
	}
	for _, k := range slices.Sorted(maps.Keys(b)) {
		if _, ok := a[k]; !ok {
			lines = append(lines, fmt.Sprintf("%s has %s, %s has not", bName, k, aName))
		}
	}
	return lines
}

// key returns a name for a series that does not depend on the origin, the order of labels or the spelling of a
// boundary.
func key(labels map[string]string) string {
	series := labels["__name__"]
	for _, label := range slices.Sorted(maps.Keys(labels)) {
		if label == "__name__" || slices.Contains(origin, label) {
			continue
		}
		value := labels[label]
		if le, err := strconv.ParseFloat(value, 64); err == nil && label == "le" {
			value = strconv.FormatFloat(le, 'g', -1, 64)
		}
		series += fmt.Sprintf(" %s=%q", label, value)
	}
	return series
}

// nameOf returns the metric name in a key.
func nameOf(key string) string {
	name, _, _ := strings.Cut(key, " ")
	return name
}

// page returns the documented series of a page of metrics.
func page(t *testing.T, address string) map[string]float64 {
	t.Helper()
	response, err := http.Get("http://" + address + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	documented := documentedSeries()
	series := make(map[string]float64)
	decoder := expfmt.SampleDecoder{Dec: expfmt.NewDecoder(response.Body, expfmt.ResponseFormat(response.Header)), Opts: &expfmt.DecodeOptions{}}
	for {
		var samples model.Vector
		if err := decoder.Decode(&samples); errors.Is(err, io.EOF) {
			return series
		} else if err != nil {
			t.Fatal(err)
		}
		for _, sample := range samples {
			labels := make(map[string]string)
			for label, value := range sample.Metric {
				labels[string(label)] = string(value)
			}
			if documented[labels["__name__"]] {
				series[key(labels)] = float64(sample.Value)
			}
		}
	}
}
