package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// databaseOrProgram returns panels that answer whether the database or the program is slow or fails.
func databaseOrProgram() []cog.Builder[dashboard.Panel] {
	const query = "db_query_duration_seconds"
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 501, title: "Slowest operations, mean", unit: seconds, width: 8, height: 8, from: poolSelector,
			about: "Mean time from sending an operation to the end of its result, as the program saw it; the ten with the longest. Getting the " +
				"connection is not part of it. If all grow by the same time, it is the network; if one grows, that query or a lock. " +
				"A number over all operations would follow which of them are run.",
			targets: []target{{expr: `topk(10, ` + mean(byOperation, query, window) + ` > 0)`, legend: operationLegend}},
		}.timeSeries(line(0, false)),
		panel{
			id: 502, title: "Slowest operations, 95th percentile", unit: seconds, width: 8, height: 8, from: poolSelector,
			about: "What 95 % of the calls of an operation stay under; the ten slowest. Worry about one that has changed. Points are samples " +
				"that have a trace. " + estimate,
			targets: []target{{
				expr: `topk(10, ` + quantile("0.95", byOperation, query, window) + ` > 0)`, legend: operationLegend, exemplars: true,
			}},
		}.timeSeries(line(0, false)),
		panel{
			id: 503, title: "Operations", unit: perSecond, width: 8, height: 8, from: poolSelector,
			about:   "Operations a second; the ten that are run most. A sudden rise is load, or a loop that asks for each row by itself.",
			targets: []target{{expr: `topk(10, ` + rate(byOperation, query+"_count") + ` > 0)`, legend: operationLegend}},
		}.timeSeries(stacked),
		panel{
			id: 505, title: "Time to open a connection", unit: seconds, width: 12, height: 8, from: poolSelector,
			about: "Dialing, TLS and authentication, until the connection can be used. Worry when the 99th percentile is above a second: " +
				"the server is slow to accept, or far away. " + estimate,
			targets: distribution("db_pool_create_duration_seconds"),
		}.timeSeries(),
		panel{
			id: 506, title: "Connections opened, and failures", unit: perSecond, width: 12, height: 8, from: poolSelector,
			about: "Connections opened a second, and attempts that failed, by error. Worry about any failure, and about a high steady " +
				"rate of opening: connections do not live long enough.",
			targets: []target{
				{expr: rate(byPool, "db_pool_connections_opened_total"), legend: "opened " + poolLegend, color: blue},
				{
					expr:   `sum by (cluster, namespace, job, pool, error_type) (rate(db_pool_connections_errors_total[` + window + `]))`,
					legend: "failed {{error_type}} " + poolLegend, color: red,
				},
			},
		}.timeSeries(),
		operationTable(),
	}
}

func operationTable() cog.Builder[dashboard.Panel] {
	const (
		query    = "db_query_duration_seconds"
		calls    = `sum by (` + byOperation + `) (rate(` + query + `_count[$__range]))`
		failures = `sum by (` + byOperation + `) (rate(` + query + `_count{error_type!=""}[$__range]))`
	)
	return panel{
		id: 507, title: "All operations, over the time shown", unit: number, width: 24, height: 10, from: poolSelector,
		about: "Every operation with what it costs: database time is how many connections it kept busy on average, calls times " +
			"duration. The top one is where a faster query frees most of the pool. Worry about errors above 1 %. " + estimate,
		targets: []target{
			{expr: calls + ` > 0`, table: true},
			{expr: mean(byOperation, query, "$__range") + ` > 0`, table: true},
			{expr: quantile("0.95", byOperation, query, "$__range") + ` > 0`, table: true},
			{expr: quantile("0.99", byOperation, query, "$__range") + ` > 0`, table: true},
			{expr: `sum by (` + byOperation + `) (rate(` + query + `_sum[$__range])) > 0`, table: true},
			{expr: `100 * (` + failures + ` or 0 * ` + calls + `) / ` + calls, table: true},
		},
	}.rows("database time",
		column{source: "operation", title: "operation", width: 300},
		column{source: "A", title: "calls", unit: perSecond},
		column{source: "B", title: "mean", unit: seconds},
		column{source: "C", title: "p95", unit: seconds},
		column{source: "D", title: "p99", unit: seconds},
		column{source: "E", title: "database time", unit: number},
		column{source: "F", title: "errors", unit: percent, steps: []dashboard.Threshold{step(1, orange), step(10, red)}},
		column{source: "job", title: "job"},
		column{source: "namespace", title: "namespace"},
		column{source: "cluster", title: "cluster"},
	)
}
