package prometheus_test

import (
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/VictoriaMetrics/metricsql"
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
			t.Errorf("%s orders groups that there are not: %v", path, file.GroupEvalOrder)
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
		t.Errorf("VictoriaMetrics knows histogram_count by now, so %s need not be apart", nativeFile)
	}
}
