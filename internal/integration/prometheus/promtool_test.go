package prometheus_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"

	"github.com/prometheus/prometheus/promql/parser"
)

func TestPromtoolAcceptsConfigurationAndRules(t *testing.T) {
	t.Parallel()
	out, err := promtool(t, "check", "config", "--lint=all", "--lint-fatal", configFile)
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	if !strings.Contains(out, "3 rule files found") {
		t.Errorf("the rules were not checked:\n%s", out)
	}
}

func TestRulesPassTheirUnitTests(t *testing.T) {
	t.Parallel()
	for _, path := range ruleTests(t, "*.yml") {
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Parallel()
			if out, err := promtool(t, "test", "rules", path); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
		})
	}
}

// unitTests has the fields of a file with unit tests that the tests need.
type unitTests struct {
	RuleFiles      []string `yaml:"rule_files"`
	GroupEvalOrder []string `yaml:"group_eval_order"`
	Tests          []struct {
		AlertRuleTest []struct {
			Alertname string `yaml:"alertname"`
			ExpAlerts []any  `yaml:"exp_alerts"`
		} `yaml:"alert_rule_test"`
		PromqlExprTest []struct {
			Expr       string                    `yaml:"expr"`
			ExpSamples []struct{ Labels string } `yaml:"exp_samples"`
		} `yaml:"promql_expr_test"`
	} `yaml:"tests"`
}

// An alert must fire in one case and stay quiet in another.
func TestEveryAlertHasFiringAndQuietCases(t *testing.T) {
	t.Parallel()
	fires, quiet := make(map[string]int), make(map[string]int)
	for _, path := range ruleTests(t, "*.yml") {
		var file unitTests
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			for _, c := range test.AlertRuleTest {
				if len(c.ExpAlerts) > 0 {
					fires[c.Alertname]++
				} else if filepath.Base(path) == "quiet.yml" {
					quiet[c.Alertname]++
				}
			}
		}
	}
	for name := range alerts(t) {
		if fires[name] == 0 || quiet[name] == 0 {
			t.Errorf("%s fires in %d cases and does not in %d", name, fires[name], quiet[name])
		}
		delete(fires, name)
		delete(quiet, name)
	}
	if len(fires)+len(quiet) > 0 {
		t.Errorf("tests of alerts that do not exist: %v, %v", fires, quiet)
	}
}

// A rule that records a wrong value fails in its case.
func TestEveryRecordingRuleHasCaseWithValue(t *testing.T) {
	t.Parallel()
	type recording struct{ file, series string }
	missing := make(map[recording]bool)
	for _, path := range ruleFiles {
		for _, r := range readRules(t, path).all() {
			if r.Record != "" {
				missing[recording{filepath.Base(path), r.Record}] = true
			}
		}
	}
	for _, path := range ruleTests(t, "*.yml") {
		var file unitTests
		readYAML(t, path, &file)
		for _, test := range file.Tests {
			for _, c := range test.PromqlExprTest {
				// The series of the rule itself, not an expression over it.
				expr, err := promQL.ParseExpr(c.Expr)
				if err != nil {
					t.Errorf("%s: %s: %v", path, c.Expr, err)
					continue
				}
				selector, ok := expr.(*parser.VectorSelector)
				if !ok {
					continue
				}
				for _, sample := range c.ExpSamples {
					// A service may report a documented name itself; a recorded one has the label.
					if !strings.Contains(selector.Name, ":") && !strings.Contains(sample.Labels, "otelpool_edge=") {
						continue
					}
					for _, rules := range file.RuleFiles {
						delete(missing, recording{filepath.Base(rules), selector.Name})
					}
				}
			}
		}
	}
	for rule := range missing {
		t.Errorf("no test has a value of %s of %s", rule.series, rule.file)
	}
}

// Without an order, promtool evaluates groups in any order. A group that reads another's results may then be a step
// late.
func TestUnitTestsEvaluateAllGroupsInOrder(t *testing.T) {
	t.Parallel()
	for _, path := range ruleTests(t, "*.yml") {
		var file unitTests
		readYAML(t, path, &file)
		ordered := 0
		for _, path := range file.RuleFiles {
			var want []string
			for _, g := range readRules(t, filepath.Join(prometheusDir, "tests", path)).Groups {
				want = append(want, g.Name)
			}
			got := slices.DeleteFunc(slices.Clone(file.GroupEvalOrder), func(name string) bool { return !slices.Contains(want, name) })
			if !slices.Equal(got, want) {
				t.Errorf("%s: order of groups is %v, want %v", path, got, want)
			}
			ordered += len(want)
		}
		if ordered != len(file.GroupEvalOrder) {
			t.Errorf("%s orders groups that do not exist: %v", path, file.GroupEvalOrder)
		}
	}
}

// Mimir refuses a group of more than 20 rules by default.
func TestNoGroupHasMoreRulesThanMimirAllows(t *testing.T) {
	t.Parallel()
	for _, path := range ruleFiles {
		for _, g := range readRules(t, path).Groups {
			if len(g.Rules) > 20 {
				t.Errorf("%s: group %s has %d rules", path, g.Name, len(g.Rules))
			}
		}
	}
}

// VictoriaMetrics refuses a whole rule file for one expression that it does not know.
func TestVictoriaMetricsParsesAllButNativeRules(t *testing.T) {
	t.Parallel()
	for _, path := range []string{recordingFile, alertsFile} {
		for _, r := range readRules(t, path).all() {
			if _, err := metricsql.Parse(r.Expr); err != nil {
				t.Errorf("%s: %s%s: %v", path, r.Record, r.Alert, err)
			}
		}
	}
	if _, err := metricsql.Parse("histogram_count(db_pool_acquire_duration_seconds)"); err == nil {
		t.Errorf("VictoriaMetrics knows histogram_count now, so %s need not be a separate file", nativeFile)
	}
}
