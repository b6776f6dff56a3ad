package dashboard_test

import (
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/prometheus/promql/parser"

	"github.com/otelpool/otelpool-go/internal/integration/stacktest"
)

func TestPanelsHaveTitleDescriptionAndUnit(t *testing.T) {
	t.Parallel()
	for _, name := range boards {
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
	for _, name := range boards {
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

func TestQueriesUseSelectedDataSource(t *testing.T) {
	t.Parallel()
	chosen := source{Type: "prometheus", UID: "${datasource}"}
	for _, name := range boards {
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
	for _, name := range boards {
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

func TestVariablesMatchDocumentedLabels(t *testing.T) {
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
		for _, series := range names(tree.(*parser.VectorSelector)) {
			if _, names, ok := documented(series); !ok || !slices.Contains(names, v.Name) {
				t.Errorf("%s has no label %s", series, v.Name)
			}
		}
	}
	want := []string{"datasource", "cluster", "namespace", "job", "instance", "pool", "operation", "window", "ago", "max_connections"}
	if !slices.Equal(got, want) {
		t.Errorf("variables are %v, want %v", got, want)
	}
}

func names(s *parser.VectorSelector) []string {
	if s.Name != "" {
		return []string{s.Name}
	}
	return strings.Split(s.LabelMatchers[0].Value, "|")
}

func TestVariablesNarrowEachOther(t *testing.T) {
	t.Parallel()
	for _, name := range boards {
		var before []string
		for _, v := range load(t, name).Templating.List {
			if v.Type != "query" {
				continue
			}
			text := v.Query.(map[string]any)["query"].(string)
			for _, b := range before {
				if !strings.Contains(text, b+`=~"$`+b+`"`) {
					t.Errorf("%s: %s is not narrowed by %s: %s", name, v.Name, b, text)
				}
			}
			before = append(before, v.Name)
		}
	}
}

var variableName = regexp.MustCompile(`\$\{?([a-z]\w*)`)

func TestUsedVariablesExist(t *testing.T) {
	t.Parallel()
	for _, name := range boards {
		text := stacktest.ReadShipped(t, "grafana", name)
		used, defined := map[string]bool{}, map[string]bool{}
		for _, found := range variableName.FindAllStringSubmatch(text, -1) {
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
	var asked string
	for _, name := range boards {
		for _, p := range load(t, name).all() {
			var quantiles, exemplars int
			for _, q := range p.Targets {
				if strings.Contains(q.Expr, "histogram_quantile") {
					quantiles++
				}
				if q.Exemplar {
					asked += q.Expr
					exemplars++
				}
			}
			if p.Type == "timeseries" && quantiles > 0 && exemplars != 1 {
				t.Errorf("%s: %q asks for exemplars %d times, want once", name, p.Title, exemplars)
			}
		}
	}
	for _, name := range []string{"db_query_duration_seconds", "db_pool_acquire_duration_seconds", "db_pool_hold_duration_seconds"} {
		if !strings.Contains(asked, name+"_bucket{") {
			t.Errorf("no panel asks for exemplars of %s", name)
		}
	}
}

// TestSingleValuesAreInstant checks gauges, numbers and tables. With a range query they would show the last value of a
// pool that is gone.
func TestSingleValuesAreInstant(t *testing.T) {
	t.Parallel()
	for _, name := range boards {
		for _, p := range load(t, name).all() {
			for _, q := range p.Targets {
				if p.Type != "timeseries" && (!q.Instant || q.Range) {
					t.Errorf("%s: %q %s is not instant", name, p.Title, q.RefID)
				}
			}
			if p.Type == "stat" && p.Options.GraphMode != "none" {
				t.Errorf("%s: %q prints its number over a graph", name, p.Title)
			}
		}
	}
}

// TestAxesRepeatNoWords checks graphs. Grafana writes an unknown unit after each number of the axis.
func TestAxesRepeatNoWords(t *testing.T) {
	t.Parallel()
	known := []string{"short", "s", "percent", "percentunit", "bool_yes_no"}
	for _, name := range boards {
		for _, p := range load(t, name).all() {
			d := p.FieldConfig.Defaults
			if p.Type == "timeseries" && (!slices.Contains(known, d.Unit) || d.Unit == "short" && d.Custom.AxisLabel == "") {
				t.Errorf("%s: %q has the unit %q and the axis label %q", name, p.Title, d.Unit, d.Custom.AxisLabel)
			}
		}
	}
}

// TestFirstScreenDistinguishesTroubles checks the panels that are visible without scrolling, and the number of panels.
func TestFirstScreenDistinguishesTroubles(t *testing.T) {
	t.Parallel()
	b := load(t, "pool.json")
	if n := len(b.all()); n > 40 {
		t.Errorf("%d panels, want at most 40", n)
	}
	var first []string
	for _, p := range b.Panels[1:] {
		if p.Type == "row" {
			break
		}
		first = append(first, p.Title)
	}
	want := []string{
		"What is wrong", "Usage of Capacity (%)", "Connection Pool Usage (%)", "Callers waiting", "Who holds connections now", "What changed most",
		"Busy share of hold time, by unit of work", "Acquires that failed", "Operations that failed, by SQLSTATE", "Connections opening and closing",
	}
	if !slices.Equal(first, want) {
		t.Errorf("the first screen has %q, want %q", first, want)
	}
	usage, guide := b.panel(t, want[1]).GridPos, b.panel(t, want[2]).GridPos
	if usage.X != 0 || guide.X != usage.W || guide.W >= usage.W {
		t.Errorf("usage of capacity is at %+v, the guide's at %+v", usage, guide)
	}
}
