package dashboard

import (
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// exhaustionAlert is the alert of the older SQLAlchemy guide's panel of exhaustion events.
const exhaustionAlert = "DatabasePoolExhaustion"

// alertNames lists the alerts of collector-config/prometheus/alerts.yml.
var alertNames = []string{
	exhaustionAlert,
	"HighPoolUsage",
	"PoolExhausted",
	"UsingOverflow",
	"MediumPoolUsage",
	"SustainedHighUsage",
	"PoolCallersWaiting",
	"PoolAcquireSlow",
	"PoolAcquireTimeouts",
	"PoolConnectErrors",
	"PoolUnavailable",
	"PoolClosing",
	"PoolLongHolds",
	"PoolConnectionNotReturned",
	"PoolReleasedInTransaction",
	"PoolNestedAcquires",
	"PoolOperationsFail",
	"PoolOperationsCanceled",
	"PoolAcquiresCanceled",
	"PoolOperationSlower",
	"PoolPingSlow",
	"PoolConnectionChurn",
	"PoolFinding",
	"FleetNearMaxConnections",
	"FleetMayExceedMaxConnections",
	"ServerFilledByOthers",
	"PoolMetricsGone",
	"PoolCountersFall",
	"CollectorRefusesPushes",
	"CollectorCannotSend",
	"CollectorQueueFull",
}

// firingAlerts returns an annotation of the times at which alerts fire.
func firingAlerts(from selector) *dashboard.AnnotationQueryBuilder {
	firing := target{expr: `ALERTS{alertstate="firing", alertname=~"` + strings.Join(alertNames, "|") + `"}`}
	return dashboard.NewAnnotationQueryBuilder().
		Name("Alerts").
		Datasource(datasource).
		Enable(true).
		IconColor("red").
		Target(prometheus.NewDataqueryBuilder().RefId("Alerts").Expr(from.in(firing)).Datasource(datasource))
}
