package dashboard_test

import (
	"fmt"
	"maps"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/promqltest"
	"github.com/prometheus/prometheus/storage"
)

// evaluate returns the value of each series of an expression at a time after the start of the load.
func evaluate(t *testing.T, stored storage.Queryable, expr string, at time.Duration) promql.Vector {
	t.Helper()
	engine := promqltest.NewTestEngine(t, false, 0, promqltest.DefaultMaxSamplesPerQuery)
	q, err := engine.NewInstantQuery(t.Context(), stored, nil, expr, time.UnixMilli(0).Add(at))
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	defer q.Close()
	result := q.Exec(t.Context())
	vector, err := result.Vector()
	if err != nil {
		t.Fatalf("%s: %v", expr, err)
	}
	return vector
}

func byDefault(t *testing.T, b board, expr string) string {
	t.Helper()
	for _, v := range b.Templating.List {
		if v.Type == "custom" {
			expr = strings.ReplaceAll(expr, "$"+v.Name, v.Current.Value.(string))
		}
	}
	return everything.Replace(expr)
}

// TestRatesOfPushesAreSteady uses a counter that grows by 10 a second: scraped, pushed every minute to Prometheus, and
// pushed every minute to a Collector whose page is scraped.
func TestRatesOfPushesAreSteady(t *testing.T) {
	t.Parallel()
	b := load(t, "pool.json")
	var rate string
	for _, q := range b.panel(t, "Acquires that failed").Targets {
		rate = byDefault(t, b, q.Expr)
	}
	const series = `db_pool_acquires_total{job="orders", pool="main", result="error"}`
	for name, samples := range map[string]string{
		"scraped every 15 s":             "0+150x240",
		"pushed every minute":            pushed(60, "%d _ _ _ "),
		"pushed every minute to a page":  pushed(60, "%[1]d %[1]d %[1]d %[1]d "),
		"pushed every minute, from 15 s": "_ " + pushed(60, "%[1]d %[1]d %[1]d %[1]d "),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			stored := promqltest.LoadedStorage(t, "load 15s\n  "+series+" "+samples)
			t.Cleanup(func() { _ = stored.Close() })
			for at := 10 * time.Minute; at < 20*time.Minute; at += 5 * time.Second {
				found := evaluate(t, stored, rate, at)
				if len(found) != 1 || math.Abs(found[0].F-10) > 1e-9 {
					t.Errorf("after %v: %v, want 10", at, found)
				}
			}
		})
	}
}

// pushed returns the samples of a counter of which n values arrive.
func pushed(n int, format string) string {
	var samples strings.Builder
	for i := range n {
		fmt.Fprintf(&samples, format, 600*i)
	}
	return samples.String()
}

// TestValuesOfGonePoolAreAbsent uses a pool that ends, which Prometheus notices at the next scrape.
func TestValuesOfGonePoolAreAbsent(t *testing.T) {
	t.Parallel()
	b := load(t, "pool.json")
	var input strings.Builder
	input.WriteString("load 15s\n")
	for _, name := range []string{"db_pool_checked_out", "db_pool_size", "db_pool_num_overflow", "db_pool_overflow", "db_pool_held"} {
		fmt.Fprintf(&input, "  %s{job=\"orders\", instance=\"a\", pool=\"main\"} 5x8 stale\n", name)
	}
	stored := promqltest.LoadedStorage(t, input.String())
	t.Cleanup(func() { _ = stored.Close() })
	for _, title := range []string{"Usage of Capacity (%)", "Connection Pool Usage (%)", "Overflow Connections", "Instances", "Who holds connections now"} {
		q := b.panel(t, title).Targets[0]
		expr := byDefault(t, b, q.Expr)
		if found := evaluate(t, stored, expr, 2*time.Minute); !q.Instant || len(found) != 1 {
			t.Errorf("%q, instant: %t, shows %v of a pool", title, q.Instant, found)
		}
		if found := evaluate(t, stored, expr, 2*time.Minute+15*time.Second); len(found) != 0 {
			t.Errorf("%q shows %v of a pool that is gone", title, found)
		}
	}
}

// activity has the counts of a service in a second.
type activity struct {
	calls, busy, failures map[string]float64 // by operation
	holds, held           map[string]float64 // by unit of work
	operations, units     map[string]float64 // by unit of work
}

// healthy is the activity before an incident: two queries that are units of work by themselves, and a route.
func healthy() activity {
	return activity{
		calls:      map[string]float64{"get_user": 10, "list_orders": 20},
		busy:       map[string]float64{"get_user": 0.02, "list_orders": 0.1},
		failures:   map[string]float64{"get_user": 0, "list_orders": 0},
		holds:      map[string]float64{"get_user": 10, "GET /orders": 10},
		held:       map[string]float64{"get_user": 0.03, "GET /orders": 0.12},
		operations: map[string]float64{"get_user": 10, "GET /orders": 20},
		units:      map[string]float64{"get_user": 10, "GET /orders": 10},
	}
}

// incident returns the samples of an hour of the first activity and ten minutes of the second.
func incident(before, after activity) string {
	var lines strings.Builder
	lines.WriteString("load 15s\n")
	add := func(series string, was, is float64) {
		fmt.Fprintf(&lines, "  %s 0+%gx240 %g+%gx39\n", series, 15*was, 15*(240*was+is), 15*is)
	}
	each := func(format string, was, is map[string]float64) {
		for operation := range is {
			add(fmt.Sprintf(format, operation), was[operation], is[operation])
		}
	}
	add(`db_pool_acquires_total{job="orders", pool="main", result="ok"}`, 20, 20)
	each(`db_query_duration_seconds_count{job="orders", pool="main", operation=%q}`, before.calls, after.calls)
	each(`db_query_duration_seconds_sum{job="orders", pool="main", operation=%q}`, before.busy, after.busy)
	each(`db_query_duration_seconds_count{job="orders", pool="main", operation=%q, error_type="40001"}`, before.failures, after.failures)
	each(`db_pool_hold_duration_seconds_count{job="orders", pool="main", operation=%q}`, before.holds, after.holds)
	each(`db_pool_hold_duration_seconds_sum{job="orders", pool="main", operation=%q}`, before.held, after.held)
	each(`db_pool_hold_operations_total{job="orders", pool="main", operation=%q}`, before.operations, after.operations)
	each(`db_pool_units_of_work_total{job="orders", pool="main", operation=%q}`, before.units, after.units)
	return lines.String()
}

func TestWhatChangedMostNamesCause(t *testing.T) {
	t.Parallel()
	b := load(t, "pool.json")
	most := byDefault(t, b, b.panel(t, "What changed most").Targets[0].Expr)
	for _, test := range []struct {
		name   string
		change func(*activity)
		want   map[string]string // by operation
	}{
		{"nothing", func(*activity) {}, map[string]string{"get_user": "×1", "list_orders": "×1", "GET /orders": "×1"}},
		{"slow query", func(a *activity) { a.busy["get_user"] *= 37 },
			map[string]string{"get_user": "mean ×37", "list_orders": "×1", "GET /orders": "×1"}},
		{"callers of one operation", func(a *activity) { a.calls["list_orders"] *= 28; a.busy["list_orders"] *= 28 },
			map[string]string{"get_user": "×1", "list_orders": "calls ×28", "GET /orders": "×1"}},
		{"network", func(a *activity) { a.busy["get_user"] += 10 * 0.022; a.busy["list_orders"] += 20 * 0.022 },
			map[string]string{"get_user": "mean ×12", "list_orders": "mean ×5.4", "GET /orders": "×1"}},
		{"query in a loop", func(a *activity) { a.operations["GET /orders"] *= 33 },
			map[string]string{"get_user": "×1", "list_orders": "×1", "GET /orders": "per unit ×33"}},
		{"held idle", func(a *activity) { a.held["GET /orders"] *= 40 },
			map[string]string{"get_user": "×1", "list_orders": "×1", "GET /orders": "held ×40"}},
		{"failures", func(a *activity) { a.failures["get_user"] = 5 },
			map[string]string{"get_user": "failures ×500", "list_orders": "×1", "GET /orders": "×1"}},
		{"new operation", func(a *activity) { a.calls["export"], a.busy["export"] = 2, 1 },
			map[string]string{"get_user": "×1", "list_orders": "×1", "GET /orders": "×1", "export": "calls ×200"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			after := healthy()
			test.change(&after)
			stored := promqltest.LoadedStorage(t, incident(healthy(), after))
			t.Cleanup(func() { _ = stored.Close() })
			got := map[string]string{}
			for _, s := range evaluate(t, stored, most, 70*time.Minute) {
				what := ""
				if s.F > 1.001 {
					what = s.Metric.Get("what") + " "
				}
				got[s.Metric.Get("operation")] = fmt.Sprintf("%s×%.3g", what, s.F)
			}
			if !maps.Equal(got, test.want) {
				t.Errorf("got %v, want %v", got, test.want)
			}
			if then := evaluate(t, stored, most, 20*time.Minute); len(then) != 0 {
				t.Errorf("without a past: %v", then)
			}
		})
	}
}
