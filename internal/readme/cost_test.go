package readme

import (
	"regexp"
	"slices"
	"testing"
)

// TestCostsInREADMEAreMeasured compares the ratios of the README's table with those of docs/cost.md for eight callers.
func TestCostsInREADMEAreMeasured(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile(`(?m)^\| client CPU of a .SELECT 1.*`).FindString(read(t, "README.md"))
	got := regexp.MustCompile(`\b1\.\d\d\b`).FindAllString(row, -1)
	cost := read(t, "docs/cost.md")
	var want []string
	for _, contender := range []string{"otelpool", "otelpool, direct histograms", "otelpgx", "XSAM/otelsql"} {
		measured := regexp.MustCompile(`(?m)^\| SELECT 1 \| 8 \| ` + regexp.QuoteMeta(contender) + ` \|[^|]*\|[^|]*\| (\S+)`)
		if match := measured.FindStringSubmatch(cost); match != nil {
			want = append(want, match[1])
		}
	}
	if !slices.Equal(got, want) || len(want) != 4 {
		t.Errorf("README.md has %q, docs/cost.md %q", got, want)
	}
}
