package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// change is a number that is compared with what it was.
type change struct {
	name      string // what is said to have changed
	unit      string
	now, past string
	floor     string // the past counts as no less, so that little that was nothing is no great change
}

// changes returns what is compared, of each operation and each unit of work.
func changes() []change {
	counter := func(name, unit, metric, floor string) change {
		at := func(offset string) string {
			return `sum by (` + byOperation + `) (rate(` + metric + `[` + recent + `]` + offset + `))`
		}
		return change{name, unit, at(""), at(" offset $ago"), floor}
	}
	calls := counter("calls", perSecond, "db_query_duration_seconds_count", "0.01")
	busy := counter("", "", "db_query_duration_seconds_sum", "")
	operations := counter("", "", "db_pool_hold_operations_total", "")
	units := counter("", "", "db_pool_units_of_work_total", "")
	return []change{
		calls,
		{"mean", seconds, busy.now + ` / ` + calls.now, busy.past + ` / ` + calls.past, ""},
		counter("failures", perSecond, `db_query_duration_seconds_count{error_type!=""}`, "0.01"),
		counter("held", number, "db_pool_hold_duration_seconds_sum", "0.01"),
		counter("holds", perSecond, "db_pool_hold_duration_seconds_count", "0.01"),
		{"per unit", number, operations.now + ` / ` + units.now, operations.past + ` / ` + units.past, ""},
	}
}

// ratio returns now against the past. A past that had no such series was 0, if its job had any.
func (c change) ratio() string {
	if c.floor == "" {
		return `(` + c.now + `) / (` + c.past + ` > 0) > 0`
	}
	known := `sum by (cluster, namespace, job) (rate(db_pool_acquires_total[` + recent + `] offset $ago))`
	past := c.past + ` or 0 * ` + c.now + ` and on (cluster, namespace, job) ` + known
	return c.now + ` / clamp_min(` + past + `, ` + c.floor + `) > 0`
}

// most returns the greatest of the changes, with its name as a label.
func most(all []change) string {
	expr := ""
	for _, c := range all {
		if expr != "" {
			expr += ` or `
		}
		expr += `label_replace(` + c.ratio() + `, "what", "` + c.name + `", "", "")`
	}
	return `topk by (` + byOperation + `) (1, ` + named(expr) + `)`
}

// changeTable returns a table of what changed most.
func changeTable() cog.Builder[dashboard.Panel] {
	all := changes()
	targets := []target{{expr: most(all), table: true}}
	const narrow = 86
	columns := []column{
		{source: "operation", title: "operation", width: 190},
		{source: "what", title: "changed most", width: 115},
		{source: "A", title: "by", unit: times, width: narrow, steps: []dashboard.Threshold{step(2, orange), step(10, red)}},
	}
	for i, c := range all {
		value, ratio := refID(2*i+1), refID(2*i+2)
		targets = append(targets, target{expr: named(c.now + ` > 0`), table: true}, target{expr: named(c.ratio()), table: true})
		columns = append(columns,
			column{source: value, title: c.name, unit: c.unit, width: narrow},
			column{source: ratio, title: "× " + c.name, unit: times, width: narrow})
	}
	for _, label := range []string{"job", "namespace", "cluster"} {
		columns = append(columns, column{source: label, title: label})
	}
	return panel{
		id: 107, title: "What changed most", unit: number, width: 24, height: 10, from: poolSelector,
		about: "Each operation and unit of work: the last five minutes, and how many times what they were at the time that is chosen " +
			"above. Every mean has grown by the same time: the network. One mean: that query, or a lock. One number of calls: its " +
			"callers. All calls: load. Many operations per unit of work: a query in a loop. Held, but neither calls nor mean: connections " +
			"are held idle.",
		targets: targets,
	}.rows("by", columns...)
}
