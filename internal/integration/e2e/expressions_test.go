package e2e_test

import (
	"math"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/promql"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestExpressionsReturnNumbersInTheirStates(t *testing.T) {
	t.Parallel()
	h := &timeline{service: newService(t, nil, otelpool.WithBaseSize(baseSize)), prom: newProm(t)}
	h.walk(t, func(t *testing.T, state state) {
		for _, e := range guideExpressions {
			vector, warnings := h.queryWithWarnings(t, e.promQL)
			checkNumbers(t, "guide's", e, state, vector)
			// Prometheus notices a rate over a gauge.
			if want := e.name == "overflow frequency"; (len(warnings) > 0) != want {
				t.Errorf("%s: guide's %q: %v", state, e.name, warnings.AsErrors())
			}
		}
		for _, e := range correctedExpressions {
			vector := h.query(t, e.promQL)
			checkNumbers(t, "corrected", e, state, vector)
			for _, s := range vector {
				if math.IsInf(s.F, 0) || s.Metric.Get("pool") != "main" {
					t.Errorf("%s: corrected %q gives %v", state, e.name, s)
				}
			}
		}
		for _, v := range values {
			if v.state != state {
				continue
			}
			if got := h.query(t, v.promQL); len(got) != 1 || math.Abs(got[0].F-v.want) > 1e-9 {
				t.Errorf("%s: %s gives %v, want %v", state, v.promQL, got, v.want)
			}
		}
	})
}

// checkNumbers checks whether an expression returned a number in a state exactly if it should.
func checkNumbers(t *testing.T, table string, e expression, state state, vector promql.Vector) {
	t.Helper()
	if got, want := len(numbers(vector)) > 0, e.numbers&state != 0; got != want {
		t.Errorf("%s: %s %q gives a number: %t, want %t\n%s\n%v", state, table, e.name, got, want, e.promQL, vector)
	}
}

// values are the values of expressions in each state, and the cases in which the older SQLAlchemy guide's expressions are
// wrong.
var values = []struct {
	state  state
	promQL string
	want   float64
}{
	{fresh, corrected("usage percentage"), 0},
	{fresh, "db_pool_size", baseSize},
	{fresh, "db_pool_num_overflow", maxConns - baseSize},
	{fresh, "db_pool_checked_in", 0}, // and yet the pool is not exhausted

	{atBase, guide("usage percentage"), 100},
	{atBase, corrected("usage percentage"), 100. / 3},
	{atBase, "db_pool_checked_in", 0}, // and the pool is not exhausted
	{atBase, "db_pool_overflow", 0},

	{busy, guide("usage percentage"), 280},
	{busy, corrected("usage percentage"), 1400. / 15},
	{busy, corrected("overflow percentage"), 90},
	{busy, "db_pool_checked_out", 14},
	{busy, "db_pool_checked_in", 1},
	{busy, "db_pool_overflow", 9},
	{busy, "count(" + corrected("p95 query duration") + ")", 1}, // the guide's returns one for each series
	{busy, "count(" + guide("p95 query duration") + ") > bool 1", 1},

	{full, corrected("usage percentage"), 100},
	{full, corrected("overflow percentage"), 100},
	{full, "db_pool_pending", 2},
	{full, "db_pool_timeouts_total", 1},

	{spent, "db_pool_checked_in", maxConns},
	{spent, "db_pool_overflow", 0},
	{spent, "db_pool_checked_out + db_pool_checked_in - db_pool_size", maxConns - baseSize}, // not an overflow
	{spent, "db_pool_pending", 0},
}

func guide(name string) string     { return find(guideExpressions, name) }
func corrected(name string) string { return find(correctedExpressions, name) }

// find returns the expression of that name, or text that does not parse if there is none.
func find(table []expression, name string) string {
	for _, e := range table {
		if e.name == name {
			return e.promQL
		}
	}
	return "no expression " + name
}

func TestOverflowPercentageNeedsOverflow(t *testing.T) {
	t.Parallel()
	s, p := newService(t, nil), newProm(t) // without a base size
	p.scrape(t, s, text)
	if got := p.query(t, guide("overflow percentage")); len(got) != 1 || !math.IsNaN(got[0].F) {
		t.Errorf("the guide's gives %v, want NaN", got)
	}
	if got := p.query(t, corrected("overflow percentage")); len(got) > 0 {
		t.Errorf("got %v", got)
	}
	if got := p.query(t, corrected("pool exhausted")); len(got) > 0 {
		t.Errorf("exhausted while fresh: %v", got)
	}

	defer postgrestest.Release(postgrestest.Hold(t, s.pool, maxConns))
	p.scrape(t, s, text)
	if got := p.query(t, corrected("pool exhausted")); len(got) != 1 || got[0].F != maxConns {
		t.Errorf("all connections are in use, and exhausted gives %v", got)
	}
	if got := p.query(t, corrected("overflow percentage")); len(got) > 0 {
		t.Errorf("got %v", got)
	}
}

func TestExpressionTablesAreComplete(t *testing.T) {
	t.Parallel()
	for _, table := range [][]expression{slices.Concat(correctedExpressions, questions), guideExpressions} {
		names, texts := make(map[string]bool), make(map[string]bool)
		for _, e := range table {
			if e.name == "" || e.about == "" || e.numbers == 0 {
				t.Errorf("%+v lacks something", e)
			}
			if names[e.name] || texts[e.promQL] {
				t.Errorf("%q is there twice", e.name)
			}
			names[e.name], texts[e.promQL] = true, true
		}
	}
	for _, e := range guideExpressions {
		if !slices.ContainsFunc(correctedExpressions, func(c expression) bool { return c.name == e.instead }) {
			t.Errorf("%q is to be replaced by %q, which is none of the corrected ones", e.name, e.instead)
		}
	}
}
