package dashboard

import (
	"os"
	"regexp"
	"strings"

	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// exhaustionAlert is the alert of the older SQLAlchemy guide's panel of exhaustion events.
const exhaustionAlert = "DatabasePoolExhaustion"

var alertName = regexp.MustCompile(`(?m)^ +- alert: (\w+)$`)

// alertNames returns the alerts of collector-config/prometheus/alerts.yml, joined by "|".
func alertNames() string {
	text, err := os.ReadFile("../../../collector-config/prometheus/alerts.yml")
	if err != nil {
		panic(err)
	}
	var names []string
	for _, match := range alertName.FindAllStringSubmatch(string(text), -1) {
		names = append(names, match[1])
	}
	return strings.Join(names, "|")
}

// firingAlerts returns an annotation of the times at which alerts fire.
func firingAlerts(from selector) *dashboard.AnnotationQueryBuilder {
	firing := target{expr: `ALERTS{alertstate="firing", alertname=~"` + alertNames() + `"}`}
	return dashboard.NewAnnotationQueryBuilder().
		Name("Alerts").
		Datasource(datasource).
		Enable(true).
		IconColor("red").
		Target(prometheus.NewDataqueryBuilder().RefId("Alerts").Expr(from.in(firing)).Datasource(datasource))
}
