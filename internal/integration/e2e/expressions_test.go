package e2e_test

import (
	"math"
	"testing"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/otelpool/otelpool-go/internal/integration/e2e/expressions"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestExpressionsReturnNumbersInTheirStates(t *testing.T) {
	t.Parallel()
	h := &timeline{service: newService(t, nil, otelpool.WithBaseSize(baseSize)), prom: newProm(t)}
	h.walk(t, func(t *testing.T, state expressions.State) {
		for _, e := range expressions.Guide() {
			vector, warnings := h.queryWithWarnings(t, e.PromQL)
			checkNumbers(t, "guide's", e, state, vector)
			// Prometheus notices a rate over a gauge.
			if want := e.Name == "overflow frequency"; (len(warnings) > 0) != want {
				t.Errorf("%s: guide's %q: %v", state, e.Name, warnings.AsErrors())
			}
		}
		for _, e := range expressions.Corrected() {
			vector := h.query(t, e.PromQL)
			checkNumbers(t, "corrected", e, state, vector)
			for _, s := range vector {
				if math.IsInf(s.F, 0) || s.Metric.Get("pool") != "main" {
					t.Errorf("%s: corrected %q gives %v", state, e.Name, s)
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
func checkNumbers(t *testing.T, table string, e expressions.Expression, state expressions.State, vector promql.Vector) {
	t.Helper()
	if got, want := len(numbers(vector)) > 0, e.Numbers&state != 0; got != want {
		t.Errorf("%s: %s %q gives a number: %t, want %t\n%s\n%v", state, table, e.Name, got, want, e.PromQL, vector)
	}
}

// values are the values of expressions in each state, and the cases in which the older SQLAlchemy guide's expressions are wrong.
var values = []struct {
	state  expressions.State
	promQL string
	want   float64
}{
	{expressions.Fresh, corrected("usage percentage"), 0},
	{expressions.Fresh, "db_pool_size", baseSize},
	{expressions.Fresh, "db_pool_num_overflow", maxConns - baseSize},
	{expressions.Fresh, "db_pool_checked_in", 0}, // and yet the pool is not exhausted

	{expressions.AtBase, guide("usage percentage"), 100},
	{expressions.AtBase, corrected("usage percentage"), 100. / 3},
	{expressions.AtBase, "db_pool_checked_in", 0}, // nor here
	{expressions.AtBase, "db_pool_overflow", 0},

	{expressions.Busy, guide("usage percentage"), 280},
	{expressions.Busy, corrected("usage percentage"), 1400. / 15},
	{expressions.Busy, corrected("overflow percentage"), 90},
	{expressions.Busy, "db_pool_checked_out", 14},
	{expressions.Busy, "db_pool_checked_in", 1},
	{expressions.Busy, "db_pool_overflow", 9},
	{expressions.Busy, "count(" + corrected("p95 query duration") + ")", 1}, // the guide's returns one for each series
	{expressions.Busy, "count(" + guide("p95 query duration") + ") > bool 1", 1},

	{expressions.Full, corrected("usage percentage"), 100},
	{expressions.Full, corrected("overflow percentage"), 100},
	{expressions.Full, "db_pool_pending", 2},
	{expressions.Full, "db_pool_timeouts_total", 1},

	{expressions.Spent, "db_pool_checked_in", maxConns},
	{expressions.Spent, "db_pool_overflow", 0},
	{expressions.Spent, "db_pool_checked_out + db_pool_checked_in - db_pool_size", maxConns - baseSize}, // not an overflow
	{expressions.Spent, "db_pool_pending", 0},
}

func guide(name string) string     { return find(expressions.Guide(), name) }
func corrected(name string) string { return find(expressions.Corrected(), name) }

// find returns the expression of that name, or text that does not parse if there is none.
func find(table []expressions.Expression, name string) string {
	for _, e := range table {
		if e.Name == name {
			return e.PromQL
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

	defer release(s.hold(t, maxConns))
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
	promQL := parser.NewParser(parser.Options{})
	replacements := make(map[string]bool)
	for _, table := range [][]expressions.Expression{expressions.Corrected(), expressions.Guide()} {
		names, texts := make(map[string]bool), make(map[string]bool)
		for _, e := range table {
			if _, err := promQL.ParseExpr(e.PromQL); err != nil {
				t.Errorf("%q: %v", e.Name, err)
			}
			if e.Name == "" || e.About == "" || e.Numbers == expressions.Never {
				t.Errorf("%+v lacks something", e)
			}
			if names[e.Name] || texts[e.PromQL] {
				t.Errorf("%q is there twice", e.Name)
			}
			names[e.Name], texts[e.PromQL] = true, true
		}
		if len(replacements) == 0 {
			replacements = names
			continue
		}
		for _, e := range table {
			if !replacements[e.Instead] {
				t.Errorf("%q is to be replaced by %q, which is none of the corrected ones", e.Name, e.Instead)
			}
		}
	}
}
