package dashboard_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

// TestQueriesAreSound checks each metric of each query: it must be documented, and used as its kind allows.
func TestQueriesAreSound(t *testing.T) {
	t.Parallel()
	for _, name := range boards {
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

// TestPoolQueriesUseVariables checks the variables that only the dashboard of pools has.
func TestPoolQueriesUseVariables(t *testing.T) {
	t.Parallel()
	// The size that a pool needs is that of all its operations.
	whole := []string{"Connections needed", "Average load", "Load against size"}
	byOperation := regexp.MustCompile(`^db_(query_duration|pool_hold_|pool_held|pool_busy|pool_units)`)
	for _, p := range load(t, "pool.json").all() {
		for _, q := range p.Targets {
			tree, err := parse(q.Expr)
			testutil.NoError(t, err)
			parser.Inspect(tree, func(node parser.Node, _ []parser.Node) error {
				s, ok := node.(*parser.VectorSelector)
				if !ok || s.Name == serverCount {
					return nil
				}
				variables := []string{"instance", "pool"}
				if byOperation.MatchString(s.Name) && !slices.Contains(whole, p.Title) {
					variables = append(variables, "operation")
				}
				for _, name := range variables {
					selects := func(m *labels.Matcher) bool { return m.Name == name && m.Type == labels.MatchRegexp }
					if !slices.ContainsFunc(s.LabelMatchers, selects) || !strings.Contains(q.Expr, name+`=~"$`+name+`"`) {
						t.Errorf("%q %s: %s does not go by $%s", p.Title, q.RefID, s.Name, name)
					}
				}
				return nil
			})
		}
	}
}

func TestAnnotationsShowEveryAlert(t *testing.T) {
	t.Parallel()
	rules := stacktest.ReadShipped(t, "prometheus", "alerts.yml")
	var alerts []string
	for _, found := range regexp.MustCompile(`(?m)^ +- alert: (\w+)$`).FindAllStringSubmatch(rules, -1) {
		alerts = append(alerts, found[1])
	}
	for _, name := range boards {
		want := `alertname=~"` + strings.Join(alerts, "|") + `"`
		if expr := load(t, name).Annotations.List[0].Target.Expr; !strings.Contains(expr, want) {
			t.Errorf("%s: the annotation is of %s, want %s", name, expr, want)
		}
	}
}

func TestFaultsFindsUnsoundQueries(t *testing.T) {
	t.Parallel()
	const selected = `{cluster=~"$cluster", namespace=~"$namespace", job=~"$job"}`
	for _, test := range []struct{ fault, expr string }{
		{"parse error", `sum(db_pool_size` + selected},
		{"not documented", `db_pool_sise` + selected},
		{"not documented", `sum(rate(db_pool_acquires` + selected + `[$window]))`},
		{"not documented", `rate(db_query_duration_seconds_total` + selected + `[$window])`},
		{"only in rate or increase", `db_pool_acquires_total` + selected},
		{"only in rate or increase", `max_over_time(db_query_duration_seconds_count` + selected + `[1h])`},
		{"rate of a gauge", `rate(db_pool_overflow` + selected + `[$window])`},
		{"is not over $window", `rate(db_pool_acquires_total` + selected + `[5m])`},
		{"does not go by $job", `db_pool_size{cluster=~"$cluster", namespace=~"$namespace"}`},
		{"does not go by $cluster", `db_pool_size{job=~"$job", namespace=~"$namespace"}`},
		{"does not go by $namespace", `db_pool_size{job=~"$job", cluster=~"$cluster"}`},
		{"groups without cluster and namespace", `sum (db_pool_size` + selected + `)`},
		{"groups without cluster and namespace", `sum by (cluster, job) (db_pool_size` + selected + `)`},
		{"matches without cluster and namespace", `db_pool_size` + selected + ` / on (job) db_pool_size` + selected},
		{"reads classic histograms only", `histogram_quantile(0.9, sum by (le, cluster, namespace) (rate(db_query_duration_seconds_bucket` + selected + `[$window])))`},
		{"le", `histogram_quantile(0.9, sum by (pool) (rate(db_query_duration_seconds_bucket` + selected + `[$window])))`},
		{"has no label opration", `sum by (opration) (rate(db_query_duration_seconds_count` + selected + `[$window]))`},
		{"has no label result", `db_pool_size{cluster=~"$cluster", namespace=~"$namespace", job=~"$job", result="ok"}`},
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

func faults(q query) []string {
	tree, err := parse(q.Expr)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	for _, part := range ranges.FindAllStringSubmatch(q.Expr, -1) {
		if part[2] != "$window" && !(q.Instant && slices.Contains([]string{"$__range", "1h", "5m15s"}, part[2])) {
			found = append(found, part[0]+" is not over $window")
		}
	}
	parser.Inspect(tree, func(node parser.Node, path []parser.Node) error {
		switch node := node.(type) {
		case *parser.VectorSelector:
			found = append(found, faultsOfSelector(q.Expr, node, path)...)
		case *parser.AggregateExpr:
			found = append(found, faultsOfGrouping(node)...)
			if node.Op != parser.TOPK && !groups(node.Grouping) {
				found = append(found, node.String()+" groups without cluster and namespace")
			}
		case *parser.BinaryExpr:
			if m := node.VectorMatching; m != nil && m.On && !groups(m.MatchingLabels) {
				found = append(found, node.String()+" matches without cluster and namespace")
			}
		case *parser.Call:
			arg := ""
			if node.Func.Name == "histogram_quantile" {
				arg = node.Args[1].String()
			}
			if strings.Contains(arg, "_bucket{") {
				if !strings.Contains(arg, "by (le") {
					found = append(found, "histogram_quantile without by (le ...)")
				}
				native := strings.ReplaceAll(strings.ReplaceAll(arg, "_bucket{", "{"), "by (le, ", "by (")
				if !strings.Contains(tree.String(), node.Args[0].String()+", "+native+")") {
					found = append(found, arg+" reads classic histograms only")
				}
			}
		}
		return nil
	})
	return found
}

// serverCount is postgres_exporter's count of connections, which is optional.
const serverCount = "pg_stat_activity_count"

// groups reports whether labels distinguish clusters and namespaces.
func groups(labels []string) bool {
	return slices.Contains(labels, "cluster") && slices.Contains(labels, "namespace")
}

func faultsOfSelector(expr string, s *parser.VectorSelector, path []parser.Node) []string {
	if s.Name == serverCount {
		return nil
	}
	for _, label := range []string{"job", "cluster", "namespace"} {
		selects := func(m *labels.Matcher) bool { return m.Name == label && m.Type == labels.MatchRegexp }
		if !slices.ContainsFunc(s.LabelMatchers, selects) || !strings.Contains(expr, label+`=~"$`+label+`"`) {
			return []string{s.Name + " does not go by $" + label}
		}
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

// faultsOfGrouping returns the labels that no metric of the expression has.
func faultsOfGrouping(a *parser.AggregateExpr) []string {
	var have []string
	parser.Inspect(a.Expr, func(node parser.Node, _ []parser.Node) error {
		if s, ok := node.(*parser.VectorSelector); ok {
			_, names, _ := documented(s.Name)
			have = append(have, names...)
			if s.Name == "ALERTS" || s.Name == serverCount {
				have = append(have, "cluster", "namespace", "job", "pool")
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

// isRated reports whether a selector is within rate or increase.
func isRated(path []parser.Node) bool {
	return slices.ContainsFunc(path, func(n parser.Node) bool {
		call, ok := n.(*parser.Call)
		return ok && (call.Func.Name == "rate" || call.Func.Name == "increase")
	})
}

// documented returns the kind and the labels of a documented series.
func documented(name string) (kind string, labelNames []string, ok bool) {
	for _, r := range catalogue.Rows() {
		if r.Documented == "" {
			continue
		}
		kind := r.Kind.PrometheusType()
		names := []string{r.Documented}
		labelNames := []string{"cluster", "namespace", "job", "instance"}
		if kind == "histogram" {
			names = []string{r.Documented, r.Documented + "_bucket", r.Documented + "_sum", r.Documented + "_count"}
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
