package dashboard_test

import (
	"regexp"
	"slices"
	"testing"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// selection matches the selectors that a dashboard's variables add to an expression.
var selection = regexp.MustCompile(`\{cluster=~"\$cluster", namespace=~"\$namespace", job=~"\$job", instance=~"\$instance", pool=~"\$pool"\}`)

func TestGuidePanelsMatchGuide(t *testing.T) {
	t.Parallel()
	b := load(t, "pool.json")
	for _, want := range []struct {
		title, kind, unit string
		exprs             []string
	}{
		{"Connection Pool Usage (%)", "gauge", "percent", []string{`(db_pool_checked_out / db_pool_size) * 100`}},
		{"Active vs Available Connections", "timeseries", "short", []string{`db_pool_checked_out`, `db_pool_checked_in`}},
		{"Overflow Connections", "stat", "connections", []string{`db_pool_overflow`}},
	} {
		p := b.panel(t, want.title)
		var exprs []string
		for _, q := range p.Targets {
			exprs = append(exprs, selection.ReplaceAllString(q.Expr, ""))
		}
		if p.Type != want.kind || p.FieldConfig.Defaults.Unit != want.unit || !slices.Equal(exprs, want.exprs) {
			t.Errorf("%q is a %s of %v in %s", p.Title, p.Type, exprs, p.FieldConfig.Defaults.Unit)
		}
	}

	usage := b.panel(t, "Connection Pool Usage (%)").FieldConfig.Defaults
	if *usage.Min != 0 || *usage.Max != 100 {
		t.Errorf("usage goes from %v to %v", *usage.Min, *usage.Max)
	}
	var steps []string
	var values []float64
	for _, s := range usage.Thresholds.Steps {
		steps = append(steps, s.Color)
		if s.Value != nil {
			values = append(values, *s.Value)
		}
	}
	if !slices.Equal(steps, []string{"green", "yellow", "red"}) || !slices.Equal(values, []float64{70, 90}) {
		t.Errorf("usage is %v from %v on", steps, values)
	}
	testutil.Equal(t, "legend of active and available connections", b.panel(t, "Active vs Available Connections").Options.Legend.DisplayMode, "table")
}

// The older SQLAlchemy guide's fourth panel is an alert. Its expression compares with the base size, which a pool with overflow
// exceeds before it is exhausted.
func TestExhaustionComparesWithCapacity(t *testing.T) {
	t.Parallel()
	p := load(t, "pool.json").panel(t, "Pool Exhaustion Events")
	want := `max by (cluster, namespace, job, pool) (db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > bool 0.9)`
	testutil.Equal(t, "expression", selection.ReplaceAllString(p.Targets[0].Expr, ""), want)
}
