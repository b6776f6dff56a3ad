package main

import (
	"errors"
	"strings"
	"testing"
)

func TestVerdictUsesEveryScrapeAndPeak(t *testing.T) {
	t.Parallel()
	within := sample{checkedOut: 7, peak: 7, overflow: 2}
	for _, tt := range []struct {
		name    string
		samples []sample
		failed  int
		limit   int
		want    string
	}{
		{"within", []sample{{}, within, {peak: 7}}, 0, 15, "PASS: checked_out never exceeded pool_size + max_overflow = 15 (at most 7 in 3 scrapes, peak 7)"},
		{"at the limit", []sample{within}, 0, 7, "PASS: checked_out never exceeded pool_size + max_overflow = 7 "},
		{"one scrape of many above", []sample{within, {checkedOut: 8, peak: 7}, within}, 0, 7, "but checked_out was 8 in a scrape (at most 8 in 3 scrapes, peak 7)"},
		{"the peak alone above", []sample{within, {checkedOut: 7, peak: 9}, within}, 0, 7, "but the peak was 9 (at most 7 in 3 scrapes, peak 9)"},
		{"both above", []sample{{checkedOut: 16, peak: 17}}, 0, 15, "but checked_out was 16 in a scrape; the peak was 17 ("},
		{"nothing seen", nil, 0, 15, "but nothing was scraped"},
		{"nothing in use", []sample{{}, {}}, 0, 15, "but no connection was ever in use"},
		{"seen between scrapes only", []sample{{}, {peak: 3}}, 0, 15, "PASS: "},
		{"a scrape missing", []sample{within}, 2, 15, "but 2 scrapes failed, the last with: no gauge"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var o observed
			for _, s := range tt.samples {
				o.add(s, true)
			}
			for range tt.failed {
				o.miss(errors.New("no gauge"))
			}
			v := judge(o, tt.limit)
			want := "FAIL: checked_out must never exceed pool_size + max_overflow = "
			if passes := strings.HasPrefix(tt.want, "PASS"); v.passed() != passes {
				t.Errorf("passed is %v, want %v", v.passed(), passes)
			} else if passes {
				want = tt.want
			}
			if got := v.String(); !strings.HasPrefix(got, want) || !strings.Contains(got, tt.want) {
				t.Errorf("%q, want in it %q", got, tt.want)
			}
		})
	}
}

func TestOverflowShareCountsScrapesUnderLoad(t *testing.T) {
	t.Parallel()
	var o observed
	o.add(sample{}, false)
	o.add(sample{overflow: 3}, true)
	o.add(sample{overflow: 0}, true)
	o.add(sample{overflow: 1}, false)
	if o.underLoad != 2 || o.overflow != 1 || o.scrapes != 4 {
		t.Errorf("%+v, want 1 of 2, and 4 in all", o)
	}
}

func TestExitStatusFollowsVerdict(t *testing.T) {
	t.Parallel()
	pass, fail := judge(observed{scrapes: 1, peak: 1}, 1), judge(observed{scrapes: 1, peak: 2}, 1)
	broken := errors.New("the server did not stop")
	for _, tt := range []struct {
		name string
		v    verdict
		err  error
		want int
	}{
		{"pass", pass, nil, 0},
		{"fail", fail, nil, 1},
		{"fail and an error", fail, broken, 1},
		{"pass and an error", pass, broken, 2},
		{"no verdict", verdict{}, broken, 2},
	} {
		if got := exitStatus(tt.v, tt.err); got != tt.want {
			t.Errorf("%s: %d, want %d", tt.name, got, tt.want)
		}
	}
	if (verdict{}).passed() {
		t.Error("the zero verdict passed")
	}
}
