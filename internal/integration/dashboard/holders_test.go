package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// holders returns panels that answer who holds the connections.
func holders() []cog.Builder[dashboard.Panel] {
	const hold = "db_pool_hold_duration_seconds"
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 401, title: "Connections held, by unit of work", unit: connections, width: 12, height: 8, from: poolSelector,
			about: "How many connections each unit of work kept in use, on average: acquires a second times the time of a hold. The ten " +
				"with the most; holds without a name are one series. A hold counts when it ends, so a long one shows late, and then " +
				"high: who holds connections now is in the table above.",
			targets: []target{{
				expr: `topk(10, ` + named(rate(byOperation, hold+"_sum")) + ` > 0)`, legend: operationLegend,
			}},
		}.timeSeries(stacked, legendBeside("Mean", "mean")),
		panel{
			id: 402, title: "Hold time, by unit of work", unit: seconds, width: 12, height: 8, from: poolSelector,
			about: "How long connections were held: the mean, and what 95 % stay under; the five with the longest. Worry when it is far above " +
				"the duration of the operations: the connection is held while the program does something else, or waits for " +
				"another. " + estimate,
			targets: []target{
				{expr: `topk(5, ` + named(mean(byOperation, hold, window)) + ` > 0)`, legend: "mean " + operationLegend},
				{expr: `topk(5, ` + named(quantile("0.95", byOperation, hold, window)) + ` > 0)`, legend: "p95 " + operationLegend, exemplars: true},
			},
		}.timeSeries(legendBeside("Max", "max"), line(1, true)),
		panel{
			id: 404, title: "Oldest hold", unit: seconds, width: 8, height: 8, from: poolSelector,
			about: "How long the connection that was taken first has been in use. Worry when it grows without end: the caller does not " +
				"give it back. The log of long holds has the stack that took it.",
			targets: []target{{
				expr: `max by (` + byPool + `) (db_pool_oldest_hold_seconds)`, legend: poolLegend, color: orange,
			}},
		}.timeSeries(),
		panel{
			id: 407, title: "Operations of a unit of work", unit: operation, width: 8, height: 8, from: poolSelector,
			about: "How many operations a unit of work runs; the ten with the most. Worry about one that has grown: it asks for each row by " +
				"itself (N+1). A unit of work is a scope, or without one a hold.",
			targets: []target{{
				expr: `topk(10, ` + named(rate(byOperation, "db_pool_hold_operations_total")+` / `+
					rate(byOperation, "db_pool_units_of_work_total")) + ` > 0)`,
				legend: operationLegend,
			}},
		}.timeSeries(line(0, false)),
		panel{
			id: 406, title: "Connections closed, by reason", unit: perSecond, width: 8, height: 8, from: poolSelector,
			about: "Why connections were closed. Age (lifetime), idleness and overflow are how a pool is meant to work; broken ones and " +
				"those given back in a transaction or busy are not. Worry about a rate of those.",
			targets: []target{{
				expr:   `sum by (cluster, namespace, reason) (rate(db_pool_connections_closed_total[` + window + `]))`,
				legend: "{{reason}} {{namespace}} {{cluster}}",
			}},
		}.timeSeries(stacked),
		events(405, "Long holds, last hour", "holds", "long_holds_total", "Holds of the last hour that were longer than the limit for long holds."),
		events(408, "Nested acquires, last hour", "acquires", "nested_acquires_total",
			"Acquires of the last hour by a caller that held a connection of the pool already: under load, that is a deadlock."),
		events(409, "Given back unfinished, last hour", connections, `connections_closed_total{reason=~"in_transaction|busy"}`,
			"Connections of the last hour that were given back in a transaction or with rows not closed, and are closed for that."),
	}
}

// events returns the number of misuses in the last hour. The log has a line with its stack for each.
func events(id uint32, title, unit, counter, about string) cog.Builder[dashboard.Panel] {
	return panel{
		id: id, title: title, unit: unit, width: 8, height: 4, from: poolSelector,
		about:   about + " Each is in the log with its stack. Worry about any.",
		targets: []target{{expr: `round(sum by (` + byPool + `) (increase(db_pool_` + counter + `[1h])))`, legend: poolLegend}},
	}.number(step(1, orange))
}
