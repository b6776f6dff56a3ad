package prometheus_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/alertmanager/alert"
	"github.com/prometheus/alertmanager/config"
	"github.com/prometheus/alertmanager/eventrecorder"
	"github.com/prometheus/alertmanager/inhibit"
	"github.com/prometheus/alertmanager/provider/mem"
	"github.com/prometheus/common/model"
	"github.com/prometheus/common/promslog"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// usageAlerts say how full a pool is. All other alerts name a cause, or are not about one pool.
var usageAlerts = []string{
	"PoolExhausted", "DatabasePoolExhaustion", "HighPoolUsage", "SustainedHighUsage", "MediumPoolUsage", "UsingOverflow",
	"PoolCallersWaiting", "PoolAcquireSlow",
}

// alertOf returns an alert of a pool with some labels changed. An empty value removes a label.
func alertOf(name string, changed model.LabelSet) model.LabelSet {
	labels := model.LabelSet{"alertname": model.LabelValue(name), "namespace": "shop", "job": "orders", "instance": "a", "pool": "main"}
	labels = labels.Merge(changed)
	maps.DeleteFunc(labels, func(_ model.LabelName, value model.LabelValue) bool { return value == "" })
	return labels
}

// muting returns Alertmanager's own inhibition, with the shipped rules, while the alerts fire.
func muting(t *testing.T, firing ...model.LabelSet) *inhibit.Inhibitor {
	t.Helper()
	log, recorder := promslog.NewNopLogger(), eventrecorder.NopRecorder()
	provider, err := mem.NewAlerts(t.Context(), time.Hour, 0, nil, log, recorder, nil, nil)
	testutil.NoError(t, err)
	t.Cleanup(provider.Close)
	for _, labels := range firing {
		now := time.Now()
		err := provider.Put(t.Context(), &alert.Alert{
			Alert: model.Alert{Labels: labels, StartsAt: now, EndsAt: now.Add(time.Hour)}, UpdatedAt: now,
		})
		testutil.NoError(t, err)
	}
	inhibitor := inhibit.NewInhibitor(provider, alertmanager(t).InhibitRules, log, recorder)
	go inhibitor.Run()
	t.Cleanup(inhibitor.Stop)
	inhibitor.WaitForLoading()
	return inhibitor
}

func alertmanager(t *testing.T) *config.Config {
	t.Helper()
	c, err := config.LoadFile(configDir + "/alertmanager.yml")
	testutil.NoError(t, err)
	return c
}

func TestFullPoolSendsOneUsageAlert(t *testing.T) {
	t.Parallel()
	for _, cause := range []string{"PoolConnectionNotReturned", "PoolNestedAcquires", "PoolReleasedInTransaction", "PoolConnectErrors", "PoolAcquireTimeouts"} {
		var firing []model.LabelSet
		for _, name := range append(slices.Clone(usageAlerts), cause) {
			firing = append(firing, alertOf(name, nil))
		}
		inhibitor := muting(t, firing...)
		groupBy := alertmanager(t).Route.GroupBy
		var sent []string
		messages := make(map[string]bool)
		for _, labels := range firing {
			if inhibitor.Mutes(t.Context(), labels) {
				continue
			}
			sent = append(sent, string(labels["alertname"]))
			group := ""
			for _, name := range groupBy {
				group += fmt.Sprintf("%s=%q ", name, labels[name])
			}
			messages[group] = true
		}
		if want := []string{"PoolExhausted", cause}; !slices.Equal(sent, want) || len(messages) != 1 {
			t.Errorf("sent are %v in the messages %v, want %v in one", sent, messages, want)
		}
	}
}

func TestUnavailablePoolSendsNoUsageAlert(t *testing.T) {
	t.Parallel()
	inhibitor := muting(t, alertOf("PoolUnavailable", nil))
	for _, name := range usageAlerts {
		if !inhibitor.Mutes(t.Context(), alertOf(name, nil)) {
			t.Errorf("%s is sent beside PoolUnavailable", name)
		}
	}
}

func TestNearlyFullPoolSendsOneUsageAlert(t *testing.T) {
	t.Parallel()
	inhibitor := muting(t, alertOf("DatabasePoolExhaustion", nil), alertOf("HighPoolUsage", nil))
	if !inhibitor.Mutes(t.Context(), alertOf("HighPoolUsage", nil)) || inhibitor.Mutes(t.Context(), alertOf("DatabasePoolExhaustion", nil)) {
		t.Error("DatabasePoolExhaustion and HighPoolUsage do not send one message")
	}
}

func TestCausesAreNeverMuted(t *testing.T) {
	t.Parallel()
	var firing []model.LabelSet
	for name, r := range alerts(t) {
		firing = append(firing, alertOf(name, model.LabelSet{"severity": model.LabelValue(r.Labels["severity"])}))
	}
	inhibitor := muting(t, firing...)
	for _, labels := range firing {
		if name := string(labels["alertname"]); !slices.Contains(usageAlerts, name) && inhibitor.Mutes(t.Context(), labels) {
			t.Errorf("%s is muted", name)
		}
	}
}

func TestAlertsOfOthersAreNeverMuted(t *testing.T) {
	t.Parallel()
	var firing []model.LabelSet
	for name, r := range alerts(t) {
		severity := model.LabelSet{"severity": model.LabelValue(r.Labels["severity"])}
		firing = append(firing, alertOf(name, severity), alertOf(name, severity.Merge(model.LabelSet{"pool": ""})))
	}
	inhibitor := muting(t, firing...)
	for what, changed := range map[string]model.LabelSet{
		"another cluster":      {"cluster": "east"},
		"another namespace":    {"namespace": "mail"},
		"another service":      {"job": "mailer"},
		"another instance":     {"instance": "b"},
		"another pool":         {"pool": "reports"},
		"no pool":              {"pool": ""},
		"a database server":    {"pool": "", "job": "", "instance": "", "server": "db:5432"},
		"a team without pools": {"alertname": "DiskFull", "severity": "warning"},
	} {
		for _, name := range usageAlerts {
			if labels := alertOf(name, changed); inhibitor.Mutes(t.Context(), labels) {
				t.Errorf("%s: %v is muted", what, labels)
			}
		}
	}
}
