package e2e_test

import (
	"maps"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// checkIdentities checks the relations that hold between the gauges of a page at any moment.
func checkIdentities(t *testing.T, read page) {
	t.Helper()
	v := func(name string) float64 { return read.gauge(t, name) }
	out, size, most := v("db_pool_checked_out"), v("db_pool_size"), v("db_pool_max")
	if out > most {
		t.Errorf("%v checked out of at most %v", out, most)
	}
	testutil.Equal(t, "overflow", v("db_pool_overflow"), max(0, out-size))
	testutil.Equal(t, "size and num_overflow", size+v("db_pool_num_overflow"), most)
	if got := out + v("db_pool_checked_in") + v("db_pool_constructing"); got > most {
		t.Errorf("%v connections of at most %v", got, most)
	}
	for _, s := range read {
		if s.value < 0 {
			t.Errorf("%s is %v", s.labels, s.value)
		}
	}
}

// checkSent compares Prometheus' counts with the operations sent.
func checkSent(t *testing.T, p *prom, sent opCounts) {
	t.Helper()
	byName := byLabel(t, p.query(t, "sum by (operation) (db_query_duration_seconds_count)"), "operation")
	if want := sent.operations(); !maps.Equal(byName, want) {
		t.Errorf("counted by operation %v, sent %v", byName, want)
	}
	counted := opCounts{}
	for _, s := range p.query(t, "sum by (operation, error_type) (db_query_duration_seconds_count)") {
		counted[operation{s.Metric.Get("operation"), s.Metric.Get("error_type")}] = s.F
	}
	if !maps.Equal(counted, sent) {
		t.Errorf("counted %v, sent %v", counted, sent)
	}
	if got := p.query(t, "sum(db_query_duration_seconds_count) - sum(db_query_duration_seconds_bucket{le=\"+Inf\"})"); len(got) != 1 || got[0].F != 0 {
		t.Errorf("buckets differ from counts: %v", got)
	}
}
