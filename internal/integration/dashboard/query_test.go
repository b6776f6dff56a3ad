package dashboard

import (
	"regexp"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/variants"
	"github.com/grafana/grafana-foundation-sdk/go/prometheus"
)

type target struct {
	// expr is in PromQL, without the selectors of the variables, which are added to every metric.
	expr   string
	legend string
	// color is for the series of this query. The default is the panel's color.
	color string
	// exemplars also requests samples that have a trace.
	exemplars bool
	// table requests a row for each series, with its value at the end of the time range.
	table bool
	// anyOperation ignores the selection of operations.
	anyOperation bool
}

// selector holds the selectors of a dashboard's variables, and the label that only some metrics are selected by.
type selector struct {
	all, operations string
}

var (
	poolSelector    = selector{all: place + `, job=~"$job", instance=~"$instance", pool=~"$pool"`, operations: `operation=~"$operation"`}
	serviceSelector = selector{all: place + `, job=~"$job"`}

	// alertSelector does not select an instance, because some alerts are about a pool in all instances.
	alertSelector = selector{all: place + `, job=~"$job", pool=~"$pool"`}
)

// place selects where services run. Series without these labels are selected unless a value is chosen.
const place = `cluster=~"$cluster", namespace=~"$namespace"`

// metric matches a documented metric in an expression, and its braces.
var metric = regexp.MustCompile(`\b(ALERTS|db_(?:pool|query)_[a-z_]+)(?:\{([^}]*)\})?`)

// operations matches the metrics that have the label operation.
var operations = regexp.MustCompile(`^db_(query_duration|pool_hold|pool_held|pool_busy|pool_units)`)

// in adds the selectors to every metric of a query.
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

// queries returns the targets as Grafana's queries, named A, B, C and so on. Instant ones have only the value at the end of
// the time range, and none for what has gone by then.
func (s selector) queries(targets []target, instant bool) []cog.Builder[variants.Dataquery] {
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
		case instant:
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

// refID returns the name of the i-th query of a panel.
func refID(i int) string { return string(rune('A' + i)) }
