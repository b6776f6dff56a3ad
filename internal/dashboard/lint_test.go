package dashboard_test

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

func TestPanelsSayWhatTheyAreAndWhenToWorry(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		b := load(t, name)
		if b.UID == "" || b.Title == "" || b.Description == "" || len(b.Links) == 0 {
			t.Errorf("%s lacks a uid, title, description or link", name)
		}
		ids := map[int]string{}
		for _, p := range append(b.all(), b.Panels...) {
			if other, ok := ids[p.ID]; p.ID == 0 || p.Title == "" || ok && other != p.Title {
				t.Errorf("%s: panel %d %q: no id, no title, or the id of %q", name, p.ID, p.Title, other)
			}
			ids[p.ID] = p.Title
		}
		for _, p := range b.all() {
			if len(p.Description) < 60 || p.FieldConfig.Defaults.Unit == "" || len(p.Targets) == 0 {
				t.Errorf("%s: %q lacks a description, unit or query", name, p.Title)
			}
		}
	}
}

func TestPanelsDoNotOverlap(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		taken := map[[2]int]string{}
		b := load(t, name)
		for _, p := range b.Panels {
			for _, inside := range append([]panel{p}, p.Panels...) {
				at := inside.GridPos
				if at.W < 1 || at.H < 1 || at.X+at.W > 24 {
					t.Errorf("%s: %q is at %+v", name, inside.Title, at)
				}
				for x := at.X; x < at.X+at.W; x++ {
					for y := at.Y; y < at.Y+at.H; y++ {
						if other, ok := taken[[2]int{x, y}]; ok {
							t.Fatalf("%s: %q overlaps %q", name, inside.Title, other)
						}
						taken[[2]int{x, y}] = inside.Title
					}
				}
			}
		}
	}
}

func TestQueriesAskTheChosenDataSource(t *testing.T) {
	t.Parallel()
	chosen := source{Type: "prometheus", UID: "${datasource}"}
	for _, name := range names {
		b := load(t, name)
		if v := b.Templating.List[0]; v.Name != "datasource" || v.Type != "datasource" || v.Query != "prometheus" {
			t.Errorf("%s: the first variable is %+v", name, v)
		}
		for _, v := range b.Templating.List {
			if v.Type == "query" && v.Datasource != chosen {
				t.Errorf("%s: variable %s asks %+v", name, v.Name, v.Datasource)
			}
		}
		for _, p := range b.all() {
			if p.Datasource != chosen {
				t.Errorf("%s: %q asks %+v", name, p.Title, p.Datasource)
			}
			for _, q := range p.Targets {
				if q.Datasource != chosen {
					t.Errorf("%s: %q %s asks %+v", name, p.Title, q.RefID, q.Datasource)
				}
			}
		}
	}
}

func TestSeriesHaveLegends(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		for _, p := range load(t, name).all() {
			seen := map[string]bool{}
			for _, q := range p.Targets {
				if q.RefID == "" || q.Format != "table" && q.LegendFormat == "" || q.LegendFormat != "" && seen[q.LegendFormat] {
					t.Errorf("%s: %q %s has the legend %q", name, p.Title, q.RefID, q.LegendFormat)
				}
				seen[q.LegendFormat] = true
			}
		}
	}
}

// TestQueriesAreSound looks at each metric of each query: whether it is documented, and used as its kind allows.
func TestQueriesAreSound(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		b := load(t, name)
		for _, p := range b.all() {
			for _, q := range p.Targets {
				for _, fault := range faults(q) {
					t.Errorf("%s: %q %s: %s\n%s", name, p.Title, q.RefID, fault, q.Expr)
				}
			}
		}
		for _, a := range b.Annotations.List {
			if _, err := parse(a.Target.Expr); err != nil || !a.Enable || a.TitleFormat == "" {
				t.Errorf("%s: annotation %q: %v", name, a.Name, err)
			}
		}
	}
}

func TestUnsoundQueriesAreFound(t *testing.T) {
	t.Parallel()
	const selected = `{job=~"$job"}`
	for _, test := range []struct{ fault, expr string }{
		{"parse error", `sum(db_pool_size` + selected},
		{"not documented", `db_pool_sise` + selected},
		{"not documented", `sum(rate(db_pool_acquires` + selected + `[$__rate_interval]))`},
		{"not documented", `rate(db_query_duration_seconds_total` + selected + `[$__rate_interval])`},
		{"only in rate or increase", `db_pool_acquires_total` + selected},
		{"only in rate or increase", `max_over_time(db_query_duration_seconds_count` + selected + `[1h])`},
		{"rate of a gauge", `rate(db_pool_overflow` + selected + `[$__rate_interval])`},
		{"not over $__rate_interval", `rate(db_pool_acquires_total` + selected + `[5m])`},
		{"does not go by $job", `db_pool_size`},
		{"le", `histogram_quantile(0.9, sum by (pool) (rate(db_query_duration_seconds_bucket` + selected + `[$__rate_interval])))`},
		{"has no label opration", `sum by (opration) (rate(db_query_duration_seconds_count` + selected + `[$__rate_interval]))`},
		{"has no label result", `db_pool_size{job=~"$job", result="ok"}`},
	} {
		found := faults(query{Expr: test.expr, Range: true})
		if !slices.ContainsFunc(found, func(f string) bool { return strings.Contains(f, test.fault) }) {
			t.Errorf("%s: found %q, want %q", test.expr, found, test.fault)
		}
	}
}

func parse(expr string) (parser.Expr, error) {
	return parser.NewParser(parser.Options{}).ParseExpr(everything.Replace(expr))
}

var ranges = regexp.MustCompile(`(rate|increase)\([^()]*\[([^\]]+)\]`)

// faults tells what is wrong with a query.
func faults(q query) []string {
	tree, err := parse(q.Expr)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, part := range ranges.FindAllStringSubmatch(q.Expr, -1) {
		if part[2] != "$__rate_interval" && !(q.Instant && part[2] == "$__range") {
			found = append(found, part[0]+" is not over $__rate_interval")
		}
	}
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			found = append(found, faultsOfSelector(q.Expr, node, path)...)
		case *parser.AggregateExpr:
			found = append(found, faultsOfGrouping(node)...)
		case *parser.Call:
			if node.Func.Name == "histogram_quantile" && !strings.Contains(node.Args[1].String(), "by (le") {
				found = append(found, "histogram_quantile without by (le ...)")
			}
		}
		return nil
	})
	return found
}

func faultsOfSelector(expr string, s *parser.VectorSelector, path []parser.Node) []string {
	if !strings.Contains(expr, s.Name+`{`) || !strings.Contains(expr, `job=~"$job"`) {
		return []string{s.Name + " does not go by $job"}
	}
	if s.Name == "ALERTS" {
		return nil
	}
	kind, labelNames, ok := documented(s.Name)
	if !ok {
		return []string{s.Name + " is not documented"}
	}
	var found []string
	for _, m := range s.LabelMatchers {
		if m.Name != model.MetricNameLabel && !slices.Contains(labelNames, m.Name) {
			found = append(found, fmt.Sprintf("%s has no label %s", s.Name, m.Name))
		}
	}
	switch rated := isRated(path); {
	case kind == "counter" && !rated:
		found = append(found, s.Name+" is a counter: only in rate or increase")
	case kind == "gauge" && rated:
		found = append(found, s.Name+": rate of a gauge")
	}
	return found
}

// faultsOfGrouping finds labels that no metric below has.
func faultsOfGrouping(a *parser.AggregateExpr) []string {
	var have []string
	parser.Inspect(a.Expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			_, names, _ := documented(s.Name)
			have = append(have, names...)
			if s.Name == "ALERTS" {
				have = append(have, "job", "pool")
			}
		}
		return nil
	})
	var found []string
	for _, name := range a.Grouping {
		if !slices.Contains(have, name) {
			found = append(found, "has no label "+name)
		}
	}
	return found
}

// isRated tells whether a selector stands in rate or increase.
func isRated(path []parser.Node) bool {
	return slices.ContainsFunc(path, func(n parser.Node) bool {
		call, ok := n.(*parser.Call)
		return ok && (call.Func.Name == "rate" || call.Func.Name == "increase")
	})
}

// documented tells the kind and the labels of a series of the catalogue's documented metrics.
func documented(name string) (kind string, labelNames []string, ok bool) {
	for _, r := range catalogue.Rows() {
		if r.Documented == "" {
			continue
		}
		kind := r.Kind.PrometheusType()
		names := []string{r.Documented}
		labelNames := []string{"job", "instance"}
		if kind == "histogram" {
			names = []string{r.Documented + "_bucket", r.Documented + "_sum", r.Documented + "_count"}
			kind = "counter"
		}
		for _, a := range r.Attributes {
			labelNames = append(labelNames, a.Label())
		}
		if slices.Contains(names, name) {
			if strings.HasSuffix(name, "_bucket") {
				labelNames = append(labelNames, "le")
			}
			return kind, labelNames, true
		}
	}
	return "", nil, false
}

func TestVariablesAreThoseOfTheDocumentedLabels(t *testing.T) {
	t.Parallel()
	b := load(t, "pool.json")
	var got []string
	for _, v := range b.Templating.List {
		got = append(got, v.Name)
		if v.Type != "query" {
			continue
		}
		parts := regexp.MustCompile(`^label_values\((.+), (\w+)\)$`).FindStringSubmatch(v.Query.(map[string]any)["query"].(string))
		if parts == nil || parts[2] != v.Name || !v.Multi || !v.IncludeAll || v.AllValue != ".*" {
			t.Errorf("variable %+v", v)
			continue
		}
		tree, err := parse(parts[1])
		if err != nil {
			t.Errorf("%s: %v", parts[1], err)
			continue
		}
		series := tree.(*parser.VectorSelector).Name
		if _, names, ok := documented(series); !ok || !slices.Contains(names, v.Name) {
			t.Errorf("%s has no label %s", series, v.Name)
		}
	}
	if want := []string{"datasource", "job", "instance", "pool", "operation", "max_connections"}; !slices.Equal(got, want) {
		t.Errorf("variables are %v, want %v", got, want)
	}
}

var variableName = regexp.MustCompile(`\$\{?([a-z]\w*)`)

func TestVariablesThatAreUsedExist(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		text, err := os.ReadFile(committed(t, name))
		if err != nil {
			t.Fatal(err)
		}
		used, defined := map[string]bool{}, map[string]bool{}
		for _, found := range variableName.FindAllStringSubmatch(string(text), -1) {
			used[found[1]] = true
		}
		for _, v := range load(t, name).Templating.List {
			defined[v.Name] = true
		}
		if !maps.Equal(used, defined) {
			t.Errorf("%s uses the variables %v and defines %v", name, used, defined)
		}
	}
}

func TestHistogramsShowExemplars(t *testing.T) {
	t.Parallel()
	for _, name := range names {
		for _, p := range load(t, name).all() {
			var quantiles, exemplars int
			for _, q := range p.Targets {
				if strings.Contains(q.Expr, "histogram_quantile") {
					quantiles++
				}
				if q.Exemplar {
					exemplars++
				}
			}
			if p.Type == "timeseries" && quantiles > 0 && exemplars != 1 {
				t.Errorf("%s: %q asks for exemplars %d times, want once", name, p.Title, exemplars)
			}
		}
	}
}

// The intervals of the stand-ins must be times, or every query that has one would be unsound for that alone.
func TestStandInsAreTimes(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"$__rate_interval", "$__range"} {
		if d, err := time.ParseDuration(everything.Replace(name)); err != nil || d <= 0 {
			t.Errorf("%s stands for %s", name, everything.Replace(name))
		}
	}
}
