package main

import (
	"context"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestMain(m *testing.M) { postgrestest.Main(m) }

// stressPool puts a pool with the sizing has under load until wanted reports true, and judges it by the sizing meant.
func stressPool(t *testing.T, has, meant otelpool.Sizing, query string, wanted func(sample) bool) (report, string) {
	t.Helper()
	s := settings{
		preset: defaultPreset, poolSize: &has.PoolSize, maxOverflow: &has.MaxOverflow,
		concurrency: 20, duration: testTimeout, statements: []statement{{weight: 1, name: operation, sql: query}},
	}
	config, _, err := s.poolConfig(postgrestest.Database(t))
	testutil.NoError(t, err)
	tested, err := openTarget(t.Context(), config)
	testutil.NoError(t, err)
	defer func() {
		testutil.NoError(t, tested.close())
	}()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	gather := prometheus.GathererFunc(func() ([]*dto.MetricFamily, error) {
		if seen, err := scrape(tested.exporter); err == nil && wanted(seen) {
			cancel()
		}
		return tested.exporter.Gather()
	})
	var out strings.Builder
	r := stress(ctx, s, tested, gather, meant, &out)
	r.print(&out)
	return r, out.String()
}

func TestPoolAboveItsLimitFails(t *testing.T) {
	t.Parallel()
	has := otelpool.Sizing{PoolSize: 3, MaxOverflow: 3}
	// Longer than the scrape interval, so that a scrape sees all connections in use.
	const query = "SELECT pg_sleep(0.2)"
	full := func(s sample) bool { return s.checkedOut == 6 }
	r, out := stressPool(t, has, otelpool.Sizing{PoolSize: 3, MaxOverflow: 1}, query, full)
	if r.verdict.passed() || exitStatus(r.verdict, nil) != 1 {
		t.Errorf("passed: %s", out)
	}
	if !strings.Contains(out, "\nFAIL: ") || !strings.Contains(out, "= 4, but checked_out was 6 in a scrape; the peak was 6 (") {
		t.Errorf("want the reasons in:\n%s", out)
	}
	if r, out := stressPool(t, has, has, query, full); !r.verdict.passed() || r.seen.peak != 6 {
		t.Errorf("with its own sizing it did not pass:\n%s", out)
	}
}

func TestFailedRequestsAreReported(t *testing.T) {
	t.Parallel()
	has := otelpool.Sizing{PoolSize: 2, MaxOverflow: 1}
	r, out := stressPool(t, has, has, "SELECT 1/0", func(s sample) bool { return s.queryErrors["22012"] > 0 })
	n := r.requestCounts.failed["SQLSTATE 22012"]
	if n == 0 || n != r.requestCounts.failures() || r.requestCounts.done != 0 || r.last.queryErrors["22012"] != n {
		t.Errorf("%+v, queries %v", r.requestCounts, r.last.queryErrors)
	}
	if !strings.Contains(out, "requests failed: ") || !strings.Contains(out, "×SQLSTATE 22012") {
		t.Errorf("not in the report:\n%s", out)
	}
}
