package dashboard_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/promql/parser"
)

func TestPanelsHaveTitleDescriptionAndUnit(t *testing.T) {
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

func TestQueriesUseSelectedDataSource(t *testing.T) {
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

func TestUsedVariablesExist(t *testing.T) {
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

// The intervals in everything must be durations. Otherwise every query with an interval would be reported.
func TestReplacedIntervalsAreDurations(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"$__rate_interval", "$__range"} {
		if d, err := time.ParseDuration(everything.Replace(name)); err != nil || d <= 0 {
			t.Errorf("%s stands for %s", name, everything.Replace(name))
		}
	}
}
