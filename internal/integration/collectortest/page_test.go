package collectortest_test

import (
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"

	dto "github.com/prometheus/client_model/go"
	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// page is the content of a page of metrics: the type and the help text of each metric, and the value of each series
// by its name and labels.
type page struct {
	metrics map[string]string
	series  map[string]float64
}

// get fetches a page in the format of the Accept header.
func get(t *testing.T, url, accept string) string {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("Accept", accept)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("%s: %s, %v\n%s", url, response.Status, err, body)
	}
	return string(body)
}

// read fetches and parses a page. It leaves out target_info, which describes the process and not the pool. The labels
// in drop must be on every series and are left out too.
func read(t *testing.T, url string, drop map[string]string) page {
	t.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(get(t, url, "text/plain")))
	if err != nil {
		t.Fatal(err)
	}
	delete(families, "target_info")
	p := page{metrics: map[string]string{}, series: map[string]float64{}}
	for name, family := range families {
		p.metrics[name] = strings.ToLower(family.GetType().String()) + ": " + family.GetHelp()
		for _, m := range family.Metric {
			labels := map[string]string{}
			for _, pair := range m.Label {
				labels[pair.GetName()] = pair.GetValue()
			}
			for key, want := range drop {
				if got, has := labels[key]; !has || got != want {
					t.Errorf("%s%v: label %s is %q, want %q", name, labels, key, got, want)
				}
				delete(labels, key)
			}
			p.add(name, labels, m)
		}
	}
	return p
}

// add adds the values of a metric as Prometheus would store them.
func (p page) add(name string, labels map[string]string, m *dto.Metric) {
	h := m.GetHistogram()
	if h == nil {
		p.series[seriesKey(name, labels)] = m.GetGauge().GetValue() + m.GetCounter().GetValue() + m.GetUntyped().GetValue()
		return
	}
	p.series[seriesKey(name+"_count", labels)] = float64(h.GetSampleCount())
	p.series[seriesKey(name+"_sum", labels)] = h.GetSampleSum()
	for _, bucket := range h.Bucket {
		labels["le"] = strconv.FormatFloat(bucket.GetUpperBound(), 'g', -1, 64)
		p.series[seriesKey(name+"_bucket", labels)] = float64(bucket.GetCumulativeCount())
	}
}

// seriesKey returns the name of a series in PromQL.
func seriesKey(name string, labels map[string]string) string {
	pairs := make([]string, 0, len(labels))
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		pairs = append(pairs, fmt.Sprintf("%s=%q", key, labels[key]))
	}
	return name + "{" + strings.Join(pairs, ",") + "}"
}

// differences lists the series whose values differ. Sums may differ by their rounding: each reader of a MeterProvider
// adds up for itself, so it may add concurrent measurements in another order.
func differences(got, want map[string]float64) []string {
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

// becomes waits until the series that read returns equal the wanted ones.
func becomes(t *testing.T, what string, want map[string]float64, read func() map[string]float64) {
	t.Helper()
	var last []string
	defer func() {
		if t.Failed() && len(last) > 0 {
			t.Logf("%s differs:\n%s", what, strings.Join(last[:min(len(last), 40)], "\n"))
		}
	}()
	testutil.Within(t, waitLimit, what+" to have the wanted series", func() bool {
		last = differences(read(), want)
		return len(last) == 0
	})
}

// named returns the series whose name begins with one of the prefixes.
func named(series map[string]float64, prefixes ...string) map[string]float64 {
	kept := maps.Clone(series)
	maps.DeleteFunc(kept, func(key string, _ float64) bool {
		return !slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(key, prefix) })
	})
	return kept
}
