package e2e_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/otelpool/otelpool-go/internal/integration/e2e/expressions"
)

func TestQuestionsFindTroubles(t *testing.T) {
	t.Parallel()
	p := newTroubledService(t)
	for _, situation := range []struct {
		trouble expressions.Trouble
		begin   func(*testing.T) (end func())
		answers map[string]float64
		first   map[string]string // of those that list operations
	}{
		{expressions.Calm, p.calm,
			map[string]float64{question("fleet"): maxConns, question("peak usage"): 100. / maxConns, question("never at rest"): none},
			map[string]string{"holders": "get_user_with_roles", "query time": "get_user_with_roles"}},
		{expressions.Filled, p.filled,
			map[string]float64{
				question("peak usage"): 100, question("full at the peak"): maxConns,
				question("busy share") + " < bool 0.5": 1, question("queue time") + " > bool 0": 1,
			},
			map[string]string{"holders": "export_orders", "query time": "get_user_with_roles"}},
		{expressions.Spike, p.spike,
			map[string]float64{
				"max_over_time(db_pool_checked_out[1h])": 0, // at the same time
				question("peak usage"):                   100, question("full at the peak"): maxConns,
			},
			map[string]string{"holders": "export_orders"}},
		{expressions.Leak, p.leak,
			map[string]float64{question("never at rest"): 1, question("long holds") + " > bool 0": 1, question("oldest hold") + " > bool 8": 1},
			map[string]string{"holders": "get_user_with_roles"}},
		{expressions.Misuse, p.misuse,
			map[string]float64{question("closed on release") + " > bool 0": 1, question("nested acquires") + " > bool 0": 1},
			map[string]string{"holders": "get_user_with_roles"}},
	} {
		p.recover(t)
		end := situation.begin(t)
		for _, q := range expressions.Questions() {
			vector := p.query(t, q.PromQL)
			if got, want := len(numbers(vector)) > 0, q.Numbers&situation.trouble != 0; got != want {
				t.Errorf("%v: %q gives a number: %t, want %t\n%s\n%v", situation.trouble, q.Name, got, want, q.PromQL, vector)
			}
			if want, listed := situation.first[q.Name]; listed && first(vector) != want {
				t.Errorf("%v: %q has %q on top, want %q: %v", situation.trouble, q.Name, first(vector), want, vector)
			}
		}
		for promQL, want := range situation.answers {
			if got := p.query(t, promQL); want == none && len(got) > 0 || want != none && (len(got) != 1 || got[0].F != want) {
				t.Errorf("%v: %s gives %v, want %v", situation.trouble, promQL, got, want)
			}
		}
		end()
	}
}

// none stands for an empty answer.
const none = -1

// question returns the question of that name, or text that does not parse if there is none.
func question(name string) string {
	for _, q := range expressions.Questions() {
		if q.Name == name {
			return q.PromQL
		}
	}
	return "no question " + name
}

// first returns the operation with the highest value.
func first(vector promql.Vector) string {
	if len(vector) == 0 {
		return ""
	}
	return slices.MaxFunc(vector, func(a, b promql.Sample) int { return cmp.Compare(a.F, b.F) }).Metric.Get("operation")
}

func TestQuestionTableIsComplete(t *testing.T) {
	t.Parallel()
	promQL := parser.NewParser(parser.Options{})
	names, texts := make(map[string]bool), make(map[string]bool)
	for _, e := range expressions.Corrected() {
		names[e.Name], texts[e.PromQL] = true, true
	}
	for _, q := range expressions.Questions() {
		if _, err := promQL.ParseExpr(q.PromQL); err != nil {
			t.Errorf("%q: %v", q.Name, err)
		}
		if q.Name == "" || q.About == "" || q.Numbers == 0 {
			t.Errorf("%+v lacks something", q)
		}
		if names[q.Name] || texts[q.PromQL] {
			t.Errorf("%q is there twice", q.Name)
		}
		names[q.Name], texts[q.PromQL] = true, true
	}
}
