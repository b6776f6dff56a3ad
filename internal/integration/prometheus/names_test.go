package prometheus_test

import (
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/prometheus/common/model"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/otelpool/otelpool-go/internal/catalogue"
	"github.com/otelpool/otelpool-go/internal/testutil"
)

var promQL = parser.NewParser(parser.Options{})

// selected returns the names of the metrics that an expression reads.
func selected(t *testing.T, expression string) []string {
	t.Helper()
	expr, err := promQL.ParseExpr(expression)
	if err != nil {
		t.Errorf("%s: %v", expression, err)
		return nil
	}
	var names []string
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		if selector, ok := node.(*parser.VectorSelector); ok {
			for _, matcher := range selector.LabelMatchers {
				if matcher.Name == model.MetricNameLabel {
					names = append(names, strings.Split(matcher.Value, "|")...)
				}
			}
		}
		return nil
	})
	return names
}

func documented() map[string]bool {
	names := make(map[string]bool)
	for _, row := range catalogue.Rows() {
		if row.Documented != "" {
			addSeries(names, row.Documented, row.Kind)
		}
	}
	return names
}

// translated returns the series that Prometheus creates from a service's OTLP metrics.
func translated() map[string]bool {
	names := make(map[string]bool)
	for _, row := range catalogue.Rows() {
		addSeries(names, row.TranslatedName(), row.Kind)
	}
	return names
}

func addSeries(names map[string]bool, name string, kind catalogue.Kind) {
	names[name] = true
	if kind == catalogue.Histogram {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			names[name+suffix] = true
		}
	}
}

// recorded adds the series that rules record from documented ones.
func recorded(t *testing.T, names map[string]bool) map[string]bool {
	t.Helper()
	names = maps.Clone(names)
	for _, path := range ruleFiles {
		for _, r := range readRules(t, path).all() {
			if strings.Contains(r.Record, ":") {
				names[r.Record] = true
			}
		}
	}
	return names
}

// foreign maps metrics of other programs to the rules that read them.
var foreign = map[string]string{
	"pg_settings_max_connections": "server:max_connections:limit",
	"pg_stat_activity_count":      "server:db_others_open:ratio",
	"ALERTS":                      "pool:db_pool_causes:count",
}

func TestAlertsAndRollupsReadDocumentedNames(t *testing.T) {
	t.Parallel()
	known := recorded(t, documented())
	for _, path := range ruleFiles {
		for _, g := range readRules(t, path).Groups {
			if strings.HasPrefix(g.Name, "otelpool-names") {
				continue
			}
			for _, r := range g.Rules {
				for _, name := range selected(t, r.Expr) {
					// The Collector reports itself.
					if !known[name] && !strings.HasPrefix(name, "otelcol_") && foreign[name] != r.Record {
						t.Errorf("%s%s reads %s, which is not reported or recorded", r.Record, r.Alert, name)
					}
				}
			}
		}
	}
}

func TestDerivedNamesReadOTLPSeriesOnly(t *testing.T) {
	t.Parallel()
	known := translated()
	known["target_info"] = true
	for _, g := range slices.Concat(readRules(t, recordingFile).Groups, readRules(t, nativeFile).Groups) {
		if !strings.HasPrefix(g.Name, "otelpool-names") {
			continue
		}
		for _, r := range g.Rules {
			for _, name := range selected(t, r.Expr) {
				// A pool that reports the name itself, or any documented name, is left alone.
				if !known[name] && name != r.Record && (name != "db_pool_checked_out" || r.Record != "otelpool:pushed:timestamp_seconds") {
					t.Errorf("%s reads %s, which Prometheus creates from no instrument", r.Record, name)
				}
			}
		}
	}
}

func TestRecordedNamesAreLevelMetricOperation(t *testing.T) {
	t.Parallel()
	level := regexp.MustCompile(`^(pool|fleet|operation|namespace|server|otelpool):[a-z0-9_]+(:[a-z0-9_]+)?$`)
	names := documented()
	for _, path := range ruleFiles {
		for _, r := range readRules(t, path).all() {
			if r.Record != "" && !names[r.Record] && !level.MatchString(r.Record) {
				t.Errorf("%s is neither documented nor level:metric:operation", r.Record)
			}
		}
	}
}

func TestThresholdsAreInFirstGroups(t *testing.T) {
	t.Parallel()
	groups := readRules(t, alertsFile).Groups
	thresholds := slices.Concat(groups[0].Rules, groups[1].Rules)
	if groups[0].Name != "otelpool-thresholds" || groups[1].Name != "otelpool-thresholds-causes" {
		t.Errorf("the first groups are %s and %s", groups[0].Name, groups[1].Name)
	}
	used := make(map[string]bool)
	for _, r := range readRules(t, alertsFile).all() {
		if r.Alert == "" {
			continue
		}
		for _, name := range selected(t, r.Expr) {
			used[name] = true
		}
		// A literal number is a window or the guard against a division by 0.
		if numbers := regexp.MustCompile(`[<>=]=? *([1-9]|0\.)`).FindString(r.Expr); numbers != "" {
			t.Errorf("%s has a threshold of its own: %s", r.Alert, r.Expr)
		}
	}
	for _, r := range thresholds {
		if strings.HasPrefix(r.Record, "otelpool:threshold:") && !used[r.Record] {
			t.Errorf("no alert reads %s", r.Record)
		}
	}
}

const runbookURL = "https://github.com/otelpool/otelpool-go/blob/main/collector-config/RUNBOOK.md#"

func TestEveryAlertHasTextsAndRunbook(t *testing.T) {
	t.Parallel()
	anchors := anchors(t)
	for name, r := range alerts(t) {
		if !slices.Contains([]string{"critical", "warning"}, r.Labels["severity"]) {
			t.Errorf("%s has severity %q", name, r.Labels["severity"])
		}
		if r.Annotations["summary"] == "" || strings.Contains(r.Annotations["summary"], "{{") {
			t.Errorf("%s has the summary %q; alerts are grouped by it, so it must be constant", name, r.Annotations["summary"])
		}
		description := r.Annotations["description"]
		if !strings.Contains(description, "{{ $labels.pool }}") && !strings.Contains(description, "{{ $labels.server }}") &&
			!(strings.HasPrefix(name, "Collector") && strings.Contains(description, "{{ $labels.instance }}")) {
			t.Errorf("%s does not say which pool: %q", name, description)
		}
		anchor, ok := strings.CutPrefix(r.Annotations["runbook_url"], runbookURL)
		if !ok || anchors[anchor] != name {
			t.Errorf("%s has the runbook %q, where there is %q", name, r.Annotations["runbook_url"], anchors[anchor])
		}
	}
}

// anchors returns the headings of the runbook by their anchors on GitHub.
func anchors(t *testing.T) map[string]string {
	t.Helper()
	headings := make(map[string]string)
	for _, match := range regexp.MustCompile(`(?m)^#+ (.+)$`).FindAllStringSubmatch(runbook(t), -1) {
		anchor := strings.ReplaceAll(strings.ToLower(match[1]), " ", "-")
		if headings[anchor] != "" {
			t.Errorf("two headings have the anchor %s", anchor)
		}
		headings[anchor] = match[1]
	}
	return headings
}

func runbook(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(runbookFile)
	testutil.NoError(t, err)
	return string(text)
}

func TestRunbookCoversEveryAlert(t *testing.T) {
	t.Parallel()
	text := runbook(t)
	for name := range alerts(t) {
		_, section, _ := strings.Cut(text, "\n### "+name+"\n")
		section, _, _ = strings.Cut(section, "\n### ")
		for _, part := range []string{"**It means**", "**Look at**", "**Do**", "false alarm**", "```promql"} {
			// HighPoolUsage repeats another alert, so its section is short.
			if name != "HighPoolUsage" && !strings.Contains(section, part) && !(part == "**Do**" && strings.Contains(section, "**Do**,")) {
				t.Errorf("the section on %s lacks %s", name, part)
			}
		}
	}
}

func TestRunbookQueriesReadExistingNames(t *testing.T) {
	t.Parallel()
	known := recorded(t, documented())
	known["up"] = true
	blocks := regexp.MustCompile("(?s)```promql\n(.*?)```").FindAllStringSubmatch(runbook(t), -1)
	if len(blocks) < len(alerts(t)) {
		t.Errorf("only %d queries", len(blocks))
	}
	for _, block := range blocks {
		for query := range strings.Lines(block[1]) {
			for _, name := range selected(t, query) {
				if !known[name] && !strings.HasPrefix(name, "otelcol_") {
					t.Errorf("%s reads %s, which is not reported or recorded", strings.TrimSpace(query), name)
				}
			}
		}
	}
	for _, name := range regexp.MustCompile("`((?:otelpool|pool|fleet|operation|server):[^`]*)`").FindAllStringSubmatch(runbook(t), -1) {
		if !known[name[1]] {
			t.Errorf("the runbook names %s, which is not recorded", name[1])
		}
	}
}
