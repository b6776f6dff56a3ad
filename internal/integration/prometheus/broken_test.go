package prometheus_test

import (
	"regexp"
	"strings"
	"testing"
)

// The unit tests of the rules must fail for wrong rules.

func TestUnitTestsDetectAlertsThatNeverFire(t *testing.T) {
	t.Parallel()
	checkTestsDetect(t, "alerts_*.yml", func(string) bool { return true }, func(r *rule) { r.Expr = "vector(0) > 1" }, "")
}

func TestUnitTestsDetectAlertsThatAlwaysFire(t *testing.T) {
	t.Parallel()
	checkTestsDetect(t, "quiet.yml", func(string) bool { return true }, func(r *rule) { r.Expr, r.For = "vector(1)", "" }, noAlert)
}

func TestUnitTestsDetectAlertsWithoutFor(t *testing.T) {
	t.Parallel()
	found := alerts(t)
	checkTestsDetect(t, "alerts_*.yml", func(name string) bool { return found[name].For != "" }, func(r *rule) { r.For = "" }, noAlert)
}

// noAlert matches the report of a case in which no alert should have fired.
const noAlert = `exp:\[\]`

// checkTestsDetect changes every alert. It expects the tests to report a failure for each alert of interest, in a
// case whose expectation matches the pattern.
func checkTestsDetect(t *testing.T, tests string, interest func(name string) bool, change func(*rule), expectation string) {
	t.Helper()
	broken := changed(t, alertsFile, tests, eachRule(t, func(_ string, r *rule) {
		if r.Alert != "" {
			change(r)
		}
	}))
	out, err := promtool(t, append([]string{"test", "rules"}, broken...)...)
	if err == nil {
		t.Fatal("the tests pass")
	}
	for name := range alerts(t) {
		if !interest(name) {
			continue
		}
		if !regexp.MustCompile(`alertname: ` + name + `, time: \w+,\s*` + expectation).MatchString(out) {
			t.Errorf("no test noticed %s", name)
		}
	}
	if t.Failed() {
		t.Log(out)
	}
}

// derived are the groups that are tested together with otelpool-names, since it takes a while to test each.
var derived = map[string]bool{"otelpool-names-histograms": true, "otelpool-names-counters": true}

func TestUnitTestsDetectWrongRecordingRules(t *testing.T) {
	t.Parallel()
	for _, path := range ruleFiles {
		for _, g := range readRules(t, path).Groups {
			if g.Rules[0].Record == "" || derived[g.Name] {
				continue
			}
			t.Run(g.Name, func(t *testing.T) {
				t.Parallel()
				var rules []rule
				broken := changed(t, path, "[cnrs]*s.yml", eachRule(t, func(group string, r *rule) {
					if group == g.Name || g.Name == "otelpool-names" && derived[group] {
						rules = append(rules, *r)
						r.Expr = "(" + r.Expr + ") + 1"
					}
				}))
				out, err := promtool(t, append([]string{"test", "rules"}, broken...)...)
				if err == nil {
					t.Fatal("the tests pass")
				}
				for _, r := range rules {
					if !strings.Contains(out, `expr: "`+r.Record+`", time`) {
						t.Errorf("no test noticed %s", r.Record)
					}
				}
			})
		}
	}
}

func TestUnitTestsDetectRulesReadingOwnResult(t *testing.T) {
	t.Parallel()
	broken := changed(t, recordingFile, "names.yml", replaced(`{otelpool_edge=""}`, ""))
	out, err := promtool(t, append([]string{"test", "rules"}, broken...)...)
	if err == nil || !strings.Contains(out, `expr: "count_over_time(db_pool_size[1m])"`) {
		t.Errorf("the tests did not notice: %v\n%s", err, out)
	}
}

func TestUnitTestsDetectPoolCountedTwice(t *testing.T) {
	t.Parallel()
	broken := changed(t, recordingFile, "both.yml", eachRule(t, func(_ string, r *rule) { r.Expr, _, _ = strings.Cut(r.Expr, "\nunless") }))
	out, err := promtool(t, append([]string{"test", "rules"}, broken...)...)
	if err == nil || !strings.Contains(out, `expr: "sum by (pool) (db_pool_checked_out)"`) {
		t.Errorf("the tests did not notice: %v\n%s", err, out)
	}
}

// guide holds the older SQLAlchemy guide's expressions for alerts that were corrected.
var guide = map[string]string{
	"DatabasePoolExhaustion": "(db_pool_checked_out / db_pool_size) > 0.9",
	"HighPoolUsage":          "(db_pool_checked_out / db_pool_size) > 0.9",
	"PoolExhausted":          "db_pool_checked_in == 0",
	"MediumPoolUsage":        "(db_pool_checked_out / db_pool_size) > 0.7",
	"SustainedHighUsage":     "avg_over_time(db_pool_checked_out[1h]) > (db_pool_size * 0.8)",
}

func TestGuideExpressionsRaiseFalseAlarms(t *testing.T) {
	t.Parallel()
	asWritten := changed(t, alertsFile, "quiet.yml", eachRule(t, func(_ string, r *rule) {
		if expr := guide[r.Alert]; expr != "" {
			r.Expr = expr
		}
	}))
	out, err := promtool(t, append([]string{"test", "rules"}, asWritten...)...)
	if err == nil {
		t.Fatal("the tests pass")
	}
	for name := range guide {
		if !regexp.MustCompile(`alertname: ` + name + `, time: \w+,\s*` + noAlert).MatchString(out) {
			t.Errorf("%s is right as the older SQLAlchemy guide has it", name)
		}
	}
}

func TestOneLineChangesThresholdOfOnePool(t *testing.T) {
	t.Parallel()
	tests := changed(t, alertsFile, "alerts_usage.yml", replaced(
		"expr: 0.9 * otelpool:pools",
		`expr: 0.95 * otelpool:pools{job="orders", pool="main"} or 0.9 * otelpool:pools`))
	out, err := promtool(t, append([]string{"test", "rules"}, tests...)...)
	for _, want := range []string{"alertname: DatabasePoolExhaustion, time: 11m", "alertname: HighPoolUsage, time: 11m"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("at a threshold of 95 %% 14 of 15 are too many: %v\n%s", err, out)
		}
	}
	if strings.Contains(out, "MediumPoolUsage") || strings.Contains(out, "PoolExhausted") {
		t.Errorf("other alerts changed too:\n%s", out)
	}
}

func TestOneLineLeavesJobOutOfPoolMetricsGone(t *testing.T) {
	t.Parallel()
	tests := changed(t, alertsFile, "alerts_fleet.yml", replaced(
		"expr: 1 * otelpool:pools:seen1h",
		`expr: 0 * otelpool:pools:seen1h{job="orders"} or 1 * otelpool:pools:seen1h`))
	out, err := promtool(t, append([]string{"test", "rules"}, tests...)...)
	if err == nil || !regexp.MustCompile(`(?s)alertname: PoolMetricsGone, time: 37m.*got:\[\]`).MatchString(out) {
		t.Errorf("it still fires: %v\n%s", err, out)
	}
}
