package hostile

import (
	"fmt"
	"math"
	"net/http"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/model/labels"
)

// scrapeAll fetches the page in each format, and checks that all have the same content. Only these differences are
// allowed. OpenMetrics names the metadata of a counter without _total. It writes the bounds of buckets as 1.0 where
// the text format has 1; both are read alike. The text format has no exemplars. No format has _created series.
func scrapeAll(t testing.TB, handler http.Handler) series {
	t.Helper()
	before := scrapePage(t, handler, formats[0])
	openMetrics, protobuf := scrapePage(t, handler, formats[1]), scrapePage(t, handler, formats[2])
	after := scrapePage(t, handler, formats[0])
	for format, found := range map[string][]string{
		"OpenMetrics": differences(before, openMetrics, after),
		"protobuf":    differences(before, protobuf, after),
		"exemplars":   exemplarDifferences(before, openMetrics, protobuf, after),
	} {
		for _, difference := range found {
			t.Errorf("%s: %s", format, difference)
		}
	}
	return before.series
}

// differences returns the differences of a page from the pages before and after it, as far as these two agree: ages
// grow in between.
func differences(before, between, after page) (found []string) {
	for key, old := range before.series {
		next, stays := after.series[key]
		got, there := between.series[key]
		switch {
		case stays && !there:
			found = append(found, "lacks "+key)
		case stays && same(old.value, next.value) && !same(old.value, got.value):
			found = append(found, fmt.Sprintf("%s is %v, not %v", key, got.value, old.value))
		}
	}
	for key := range between.series {
		_, was := before.series[key]
		if _, is := after.series[key]; !was && !is {
			found = append(found, "alone has "+key)
		}
	}
	for name, about := range before.about {
		if got := between.about[name]; after.about[name] == about && got != about {
			found = append(found, fmt.Sprintf("says %q of %s, not %q", got, name, about))
		}
	}
	for name := range between.about {
		if before.about[name] == "" && after.about[name] == "" {
			found = append(found, "alone tells of "+name)
		}
	}
	return found
}

func same(a, b float64) bool { return a == b || math.IsNaN(a) && math.IsNaN(b) }

// exemplarDifferences compares the exemplars of two formats, unless something was recorded in between.
func exemplarDifferences(before, one, other, after page) (found []string) {
	for key, old := range before.series {
		if !old.exemplar.IsEmpty() {
			found = append(found, "the text has one: "+key)
		}
		a, b := one.series[key].exemplar, other.series[key].exemplar
		if same(old.value, after.series[key].value) && !labels.Equal(a, b) {
			found = append(found, fmt.Sprintf("%s has %v and %v", key, a, b))
		}
	}
	return found
}

func TestDifferencesFindsFormatDifferences(t *testing.T) {
	t.Parallel()
	const text = "# HELP c_total Things.\n# TYPE c_total counter\nc_total 1\n# HELP h Times.\n# TYPE h histogram\n" +
		"h_bucket{le=\"1\"} 1\nh_bucket{le=\"+Inf\"} 1\nh_sum 1\nh_count 1\n# HELP g Age.\n# TYPE g gauge\ng 1\n"
	const open = "# HELP c Things.\n# TYPE c counter\nc_total 1.0\n# HELP h Times.\n# TYPE h histogram\n" +
		"h_bucket{le=\"1.0\"} 1 # {trace_id=\"1\"} 0.5\nh_bucket{le=\"+Inf\"} 1\nh_sum 1.0\nh_count 1\n# HELP g Age.\n# TYPE g gauge\ng 2.0\n# EOF\n"
	of := func(text, contentType string) page {
		p, err := readPage([]byte(text), contentType)
		if err != nil {
			t.Fatalf("%v: %s", err, text)
		}
		return p
	}
	openPage := func(old, other string) page {
		return of(strings.Replace(open, old, other, 1), "application/openmetrics-text;version=1.0.0")
	}
	before, after := of(text, "text/plain;version=0.0.4"), of(strings.Replace(text, "g 1", "g 2.5", 1), "text/plain;version=0.0.4")
	for _, tt := range []struct{ old, other, want string }{
		{"", "", ""},
		{"h_sum 1.0\n", "", `lacks {__name__="h_sum"}`},
		{"c_total 1.0\n", "c_total 1.0\nc_created 1.0\n", `alone has {__name__="c_created"}`},
		{"c_total 1.0", "c_total 2.0", `{__name__="c_total"} is 2, not 1`},
		{"Things.", "Others.", `says "counter: Others." of c, not "counter: Things."`},
		{"# HELP g Age.\n# TYPE g gauge\n", "", `says "" of g, not "gauge: Age."`},
		{"# EOF", "# HELP x X.\n# TYPE x gauge\n# EOF", "alone tells of x"},
	} {
		if got := strings.Join(differences(before, openPage(tt.old, tt.other), after), ", "); got != tt.want {
			t.Errorf("with %q: %s, want %s", tt.other, got, tt.want)
		}
	}
	if got := exemplarDifferences(before, openPage("", ""), openPage("trace_id", "span_id"), after); len(got) != 1 {
		t.Errorf("other exemplars: %q", got)
	}
	if got := exemplarDifferences(openPage("", ""), openPage("", ""), openPage("", ""), after); len(got) != 1 {
		t.Errorf("the text with exemplars: %q", got)
	}
}
