package otelpgx_test

import (
	"slices"
	"testing"

	"github.com/exaring/otelpgx"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestBothNameTwoMetricsAlike compares the metrics of a pool that both measure.
func TestBothNameTwoMetricsAlike(t *testing.T) {
	both := record()
	config := parse(t, postgrestest.Database(t))
	config.ConnConfig.Tracer = otelpgx.NewTracer()
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = inst.Unregister() }()
	if err := otelpgx.RecordStats(pool); err != nil {
		t.Fatal(err)
	}
	drive(t, pool)
	metrics, err := both.metrics()
	if err != nil {
		t.Fatal(err)
	}
	if len(metrics[theirs]) != 15 {
		t.Errorf("otelpgx recorded %d metrics, want 15: %q", len(metrics[theirs]), metrics[theirs])
	}
	got := slices.DeleteFunc(metrics[theirs], func(name string) bool { return !slices.Contains(metrics[ours], name) })
	if want := []string{"db.client.operation.duration", "pgxpool.acquires"}; !slices.Equal(got, want) {
		t.Errorf("metrics of both are %q, want %q", got, want)
	}
}
