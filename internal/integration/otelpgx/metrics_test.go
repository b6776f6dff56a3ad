package otelpgx_test

import (
	"slices"
	"testing"

	"github.com/exaring/otelpgx"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestOtelpgxSharesTwoMetricNames compares the metrics of a pool that both measure.
func TestOtelpgxSharesTwoMetricNames(t *testing.T) {
	both := record()
	config := parse(t, postgrestest.Database(t))
	config.ConnConfig.Tracer = otelpgx.NewTracer()
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config)
	testutil.NoError(t, err)
	defer func() { _ = inst.Unregister() }()
	testutil.NoError(t, otelpgx.RecordStats(pool))
	drive(t, pool)
	metrics, err := both.metrics()
	testutil.NoError(t, err)
	if len(metrics[theirs]) != 15 {
		t.Errorf("otelpgx recorded %d metrics, want 15: %q", len(metrics[theirs]), metrics[theirs])
	}
	got := slices.DeleteFunc(metrics[theirs], func(name string) bool { return !slices.Contains(metrics[ours], name) })
	if want := []string{"db.client.operation.duration", "pgxpool.acquires"}; !slices.Equal(got, want) {
		t.Errorf("metrics of both are %q, want %q", got, want)
	}
}
