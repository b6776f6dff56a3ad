package e2e_test

import (
	"cmp"
	"slices"
	"testing"

	"github.com/prometheus/prometheus/promql"
)

func TestQuestionsFindTroubles(t *testing.T) {
	t.Parallel()
	p := newTroubledService(t)
	for _, situation := range []struct {
		trouble state
		begin   func(*testing.T) (end func())
		answers map[string]float64
		first   map[string]string // of those that list operations
	}{
		{calm, p.calm,
			map[string]float64{question("fleet"): maxConns, question("peak usage"): 100. / maxConns, question("never at rest"): none},
			map[string]string{"holders": "get_user_with_roles", "query time": "get_user_with_roles"}},
		{filled, p.filled,
			map[string]float64{
				question("peak usage"): 100, question("full at the peak"): maxConns,
				question("busy share") + " < bool 0.5": 1, question("queue time") + " > bool 0": 1,
			},
			map[string]string{"holders": "export_orders", "query time": "get_user_with_roles"}},
		{spike, p.spike,
			map[string]float64{
				"max_over_time(db_pool_checked_out[1h])": 0, // at the same time
				question("peak usage"):                   100, question("full at the peak"): maxConns,
			},
			map[string]string{"holders": "export_orders"}},
		{leak, p.leak,
			map[string]float64{question("never at rest"): 1, question("long holds") + " > bool 0": 1, question("oldest hold") + " > bool 8": 1},
			map[string]string{"holders": "get_user_with_roles"}},
		{misuse, p.misuse,
			map[string]float64{question("closed on release") + " > bool 0": 1, question("nested acquires") + " > bool 0": 1},
			map[string]string{"holders": "get_user_with_roles"}},
	} {
		p.recover(t)
		end := situation.begin(t)
		for _, q := range questions {
			vector := p.query(t, q.promQL)
			if got, want := len(numbers(vector)) > 0, q.numbers&situation.trouble != 0; got != want {
				t.Errorf("%v: %q gives a number: %t, want %t\n%s\n%v", situation.trouble, q.name, got, want, q.promQL, vector)
			}
			if want, listed := situation.first[q.name]; listed && first(vector) != want {
				t.Errorf("%v: %q has %q on top, want %q: %v", situation.trouble, q.name, first(vector), want, vector)
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

func question(name string) string { return find(questions, name) }

func first(vector promql.Vector) string {
	if len(vector) == 0 {
		return ""
	}
	return slices.MaxFunc(vector, func(a, b promql.Sample) int { return cmp.Compare(a.F, b.F) }).Metric.Get("operation")
}
