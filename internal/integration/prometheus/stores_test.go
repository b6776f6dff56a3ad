package prometheus_test

import (
	"testing"

	"github.com/VictoriaMetrics/metricsql"
)

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
