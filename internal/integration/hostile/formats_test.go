package hostile

import (
	"fmt"
	"math"
	"net/http"
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
			found = append(found, "alone reports "+name)
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
