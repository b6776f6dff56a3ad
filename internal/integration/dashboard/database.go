package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// databaseOrProgram returns panels that answer whether the database or the program is slow or fails.
func databaseOrProgram() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 501, title: "Query duration", unit: seconds, width: 6, height: 8, from: poolSelector,
			about: "Time from sending an operation to the end of its result, as the program saw it; getting the connection is not part " +
				"of it. If this grows, it is the database, the network, or a slow reader of rows. If only the time to get a " +
				"connection grows, it is the pool. Points are samples that have a trace.",
			targets: quantiles("db_query_duration_seconds"),
		}.timeSeries(),
		panel{
			id: 504, title: "Errors, by SQLSTATE", unit: perSecond, width: 6, height: 8, from: poolSelector,
			about: "Operations a second that failed, by what was wrong: a SQLSTATE of the server, or timeout, canceled, connect, " +
				"connection. Worry about classes 53 (the server is out of something), 57 (it stops) and 40 (deadlocks), and about " +
				"any that grows.",
			targets: []target{{
				expr:   `sum by (error_type) (rate(db_query_duration_seconds_count{error_type!=""}[$__rate_interval]))`,
				legend: "{{error_type}}",
			}},
		}.timeSeries(),
		panel{
			id: 505, title: "Time to open a connection", unit: seconds, width: 6, height: 8, from: poolSelector,
			about: "Dialing, TLS and authentication, until the connection can be used. Worry when the 99th percentile is above a second: " +
				"the server is slow to accept, or far away.",
			targets: quantiles("db_pool_create_duration_seconds"),
		}.timeSeries(),
		panel{
			id: 506, title: "Connections opened, and failures", unit: perSecond, width: 6, height: 8, from: poolSelector,
			about: "Connections opened a second, and attempts that failed, by error. Worry about any failure, and about a high steady " +
				"rate of opening: connections do not live long enough.",
			targets: []target{
				{
					expr:   `sum by (job, pool) (rate(db_pool_connections_opened_total[$__rate_interval]))`,
					legend: "opened {{job}}/{{pool}}", color: blue,
				},
				{
					expr:   `sum by (job, pool, error_type) (rate(db_pool_connections_errors_total[$__rate_interval]))`,
					legend: "failed {{error_type}} {{job}}/{{pool}}", color: red,
				},
			},
		}.timeSeries(),
		panel{
			id: 502, title: "Slowest operations, 95th percentile", unit: seconds, width: 12, height: 8, from: poolSelector,
			about: "What 95 % of the calls of an operation stay under; the ten slowest. Worry about one that has changed.",
			targets: []target{{
				expr:   `topk(10, histogram_quantile(0.95, sum by (le, operation) (rate(db_query_duration_seconds_bucket[$__rate_interval]))) > 0)`,
				legend: "{{operation}}", exemplars: true,
			}},
		}.timeSeries(legendBeside("Max", "max")),
		panel{
			id: 503, title: "Operations", unit: perSecond, width: 12, height: 8, from: poolSelector,
			about: "Operations a second; the ten that are run most. A sudden rise is load, or a loop that asks for each row by itself.",
			targets: []target{{
				expr:   `topk(10, sum by (operation) (rate(db_query_duration_seconds_count[$__rate_interval])) > 0)`,
				legend: "{{operation}}",
			}},
		}.timeSeries(stacked, legendBeside("Mean", "mean")),
		operationTable(),
	}
}

// operationTable returns a table of all operations and their costs.
func operationTable() cog.Builder[dashboard.Panel] {
	const (
		calls    = `sum by (operation) (rate(db_query_duration_seconds_count[$__range]))`
		failures = `sum by (operation) (rate(db_query_duration_seconds_count{error_type!=""}[$__range]))`
	)
	return panel{
		id: 507, title: "All operations, over the time shown", unit: number, width: 24, height: 10, from: poolSelector,
		about: "Every operation with what it costs: database time is how many connections it kept busy on average, calls times " +
			"duration. The top one is where a faster query frees most of the pool. Worry about errors above 1 %.",
		targets: []target{
			{expr: calls + ` > 0`, table: true},
			{expr: `sum by (operation) (rate(db_query_duration_seconds_sum[$__range])) / ` + calls + ` > 0`, table: true},
			{expr: `histogram_quantile(0.95, sum by (le, operation) (rate(db_query_duration_seconds_bucket[$__range]))) > 0`, table: true},
			{expr: `histogram_quantile(0.99, sum by (le, operation) (rate(db_query_duration_seconds_bucket[$__range]))) > 0`, table: true},
			{expr: `sum by (operation) (rate(db_query_duration_seconds_sum[$__range])) > 0`, table: true},
			{expr: `100 * (` + failures + ` or 0 * ` + calls + `) / ` + calls, table: true},
		},
	}.rows("database time",
		column{source: "operation", title: "operation"},
		column{source: "A", title: "calls", unit: perSecond},
		column{source: "B", title: "mean", unit: seconds},
		column{source: "C", title: "p95", unit: seconds},
		column{source: "D", title: "p99", unit: seconds},
		column{source: "E", title: "database time", unit: number},
		column{source: "F", title: "errors", unit: percent, steps: []dashboard.Threshold{step(1, orange), step(10, red)}},
	)
}
