package prometheus_test

import (
	"regexp"
	"strings"
	"testing"
)

// noAlert matches the report of a case in which no alert should have fired.
const noAlert = `exp:\[\]`

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
	asWritten := changed(t, alertsFile, "quiet.yml", eachRule(t, func(r *rule) {
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
			t.Errorf("%s works with the older SQLAlchemy guide's expression", name)
		}
	}
}

func TestThresholdChangesForOnePool(t *testing.T) {
	t.Parallel()
	tests := changed(t, alertsFile, "alerts_usage.yml", replaced(
		"expr: 0.9 * otelpool:pools",
		`expr: 0.95 * otelpool:pools{job="orders", pool="main"} or 0.9 * otelpool:pools`))
	out, err := promtool(t, append([]string{"test", "rules", "--run=in use from minute 6"}, tests...)...)
	for _, want := range []string{"alertname: DatabasePoolExhaustion, time: 11m", "alertname: HighPoolUsage, time: 11m"} {
		if err == nil || !strings.Contains(out, want) {
			t.Errorf("at a threshold of 95 %%, 14 of 15 fire an alert: %v\n%s", err, out)
		}
	}
	if strings.Contains(out, "MediumPoolUsage") || strings.Contains(out, "PoolExhausted") {
		t.Errorf("other alerts changed too:\n%s", out)
	}
}

func TestThresholdExcludesJobFromPoolMetricsGone(t *testing.T) {
	t.Parallel()
	tests := changed(t, alertsFile, "alerts_fleet.yml", replaced(
		"expr: 1 * otelpool:pools:seen1h",
		`expr: 0 * otelpool:pools:seen1h{job="orders"} or 1 * otelpool:pools:seen1h`))
	out, err := promtool(t, append([]string{"test", "rules", "--run=the last process of two goes"}, tests...)...)
	if err == nil || !regexp.MustCompile(`(?s)alertname: PoolMetricsGone, time: 37m.*got:\[\]`).MatchString(out) {
		t.Errorf("the alert still fires: %v\n%s", err, out)
	}
}
