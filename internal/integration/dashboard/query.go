package dashboard

import (
	"regexp"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

// target is a query of a panel.
type target struct {
	// expr is in PromQL, without what the variables select: that is added to every metric.
	expr   string
	legend string
	// color is for the series of this query; without one they have those of the panel.
	color string
	// exemplars also asks for samples that have a trace.
	exemplars bool
	// table asks for a row for each series, as it is at the end of the time range.
	table bool
	// now asks for the value at the end of the time range alone.
	now bool
	// anyOperation leaves it open which operations are selected.
	anyOperation bool
}

// selector is what the variables of a dashboard select of a metric, and which label only some metrics are selected by.
type selector struct {
	all, operations string
}

var (
	poolSelector    = selector{all: `job=~"$job", instance=~"$instance", pool=~"$pool"`, operations: `operation=~"$operation"`}
	serviceSelector = selector{all: `job=~"$job"`}

	// alertSelector leaves the instance open, as some alerts are of a pool in all instances.
	alertSelector = selector{all: `job=~"$job", pool=~"$pool"`}
)

// metric matches a documented metric in an expression, and the braces behind it.
var metric = regexp.MustCompile(`\b(ALERTS|db_(?:pool|query)_[a-z_]+)(?:\{([^}]*)\})?`)

// operations matches the metrics that have the label operation.
var operations = regexp.MustCompile(`^db_(query|pool_hold)_duration_seconds`)

// in restricts every metric of a query to what is selected.
func (s selector) in(t target) string {
	return metric.ReplaceAllStringFunc(t.expr, func(found string) string {
		parts := metric.FindStringSubmatch(found)
		name, matchers := parts[1], s.all
		if s.operations != "" && !t.anyOperation && operations.MatchString(name) {
			matchers += ", " + s.operations
		}
		if parts[2] != "" {
			matchers = parts[2] + ", " + matchers
		}
		return name + "{" + matchers + "}"
	})
}

// queries are the targets as Grafana knows them, called A, B, C and so on.
func (s selector) queries(targets []target) []cog.Builder[variants.Dataquery] {
	queries := make([]cog.Builder[variants.Dataquery], len(targets))
	for i, t := range targets {
		q := prometheus.NewDataqueryBuilder().
			RefId(refID(i)).
			Datasource(datasource).
			EditorMode(prometheus.QueryEditorModeCode).
			Expr(s.in(t))
		switch {
		case t.table:
			q.Instant().Format(prometheus.PromQueryFormatTable)
		case t.now:
			q.Instant().LegendFormat(t.legend)
		default:
			q.Range().LegendFormat(t.legend)
		}
		if t.exemplars {
			q.Exemplar(true)
		}
		queries[i] = q
	}
	return queries
}

// refID is the name of the i-th query of a panel.
func refID(i int) string { return string(rune('A' + i)) }
