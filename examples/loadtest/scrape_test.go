package main

import (
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool/diagnose"
)

// gauges returns a registry of gauges without labels.
func gauges(values map[string]float64) *prometheus.Registry {
	registry := prometheus.NewRegistry()
	for name, value := range values {
		g := prometheus.NewGauge(prometheus.GaugeOpts{Name: name})
		g.Set(value)
		registry.MustRegister(g)
	}
	return registry
}

func TestScrapeReadsDocumentedNames(t *testing.T) {
	t.Parallel()
	values := map[string]float64{
		"db_pool_checked_out": 1, "db_pool_checked_in": 2, "db_pool_overflow": 3, "db_pool_pending": 4, "db_pool_peak": 5,
		"db_pool_overflow_opened_total": 6, "db_pool_timeouts_total": 7,
	}
	s, err := scrape(gauges(values))
	testutil.NoError(t, err)
	if s.checkedOut != 1 || s.checkedIn != 2 || s.overflow != 3 || s.pending != 4 || s.peak != 5 || s.overflowOpened != 6 || s.timeouts != 7 {
		t.Errorf("%+v", s)
	}
	delete(values, "db_pool_peak")
	delete(values, "db_pool_checked_out")
	if _, err := scrape(gauges(values)); err == nil || err.Error() != "the scrape does not contain db_pool_checked_out, db_pool_peak" {
		t.Errorf("%v, want an error that names what is missing", err)
	}
}

func TestReportCountsErrorsByKind(t *testing.T) {
	t.Parallel()
	r := report{
		requestCounts: requestCounts{canceled: 2, failed: map[string]int{"acquire timeout": 3, "SQLSTATE 53300": 1}},
		last:          sample{queryErrors: map[string]int{"57014": 2}},
	}
	want := "4 requests failed: 1×SQLSTATE 53300, 3×acquire timeout; queries by error_type: 2×57014; 2 requests were canceled 5s after the end"
	testutil.Equal(t, "errors", r.errors(), want)
	testutil.Equal(t, "errors of none", (report{}).errors(), "none")
	testutil.Equal(t, "findings of none", (report{}).found(), "none")
	r.findings = []diagnose.Finding{
		{Severity: diagnose.Warning, Kind: diagnose.PoolTooSmall, Summary: "It is too small."},
		{Severity: diagnose.Info, Kind: diagnose.CallersWait, Summary: "They wait.", Consequence: true},
	}
	testutil.Equal(t, "findings", r.found(), "warning: pool_too_small: It is too small.\n            info: callers_wait (a consequence): They wait.")
	r.last.checkedIn, r.last.checkedOut, r.sizing.PoolSize = 9, 1, 5
	if got := r.idle(); !strings.HasPrefix(got, "9, and 1 in use: not settled ") {
		t.Errorf("%q", got)
	}
}
