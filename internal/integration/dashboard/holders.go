package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// holders returns panels that answer who holds the connections.
func holders() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 401, title: "Connections held, by operation", unit: number, width: 12, height: 8, from: poolSelector,
			about: "How many connections each operation kept in use, on average: acquires a second times the time of a hold. The ten " +
				"with the most, by the name the program gave when it acquired; holds without a name are one series. A hold counts " +
				"when it ends, so a long one shows late, and then high. The top one is where to look first.",
			targets: []target{{
				expr:   `topk(10, ` + named(`sum by (operation) (rate(db_pool_hold_duration_seconds_sum[$__rate_interval]))`) + ` > 0)`,
				legend: "{{operation}}",
			}},
		}.timeSeries(stacked, legendBeside("Mean", "mean")),
		panel{
			id: 402, title: "Hold time by operation, 95th percentile", unit: seconds, width: 12, height: 8, from: poolSelector,
			about: "How long connections were held, by operation; the ten with the most. Worry when it is far above the operation's " +
				"duration: the connection is held while the program does something else, or waits for somebody else.",
			targets: []target{{
				expr: `topk(10, ` + named(`histogram_quantile(0.95, sum by (le, operation) (`+
					`rate(db_pool_hold_duration_seconds_bucket[$__rate_interval])))`) + ` > 0)`,
				legend: "{{operation}}", exemplars: true,
			}},
		}.timeSeries(legendBeside("Max", "max")),
		panel{
			id: 403, title: "Busy share of hold time", unit: share, width: 6, height: 8, from: poolSelector,
			about: "The part of the time connections were held in which they ran an operation. Worry when it is well under half: " +
				"connections are held idle, and the pool could be smaller if they were not.",
			targets: []target{{
				expr: `clamp_max(sum by (job, pool) (rate(db_pool_busy_seconds_total[$__rate_interval])) / ` +
					`sum by (job, pool) (rate(db_pool_hold_duration_seconds_sum[$__rate_interval])), 1)`,
				legend: "{{job}}/{{pool}}", color: blue, anyOperation: true,
			}},
		}.timeSeries(upTo(1)),
		panel{
			id: 404, title: "Oldest hold", unit: seconds, width: 6, height: 8, from: poolSelector,
			about: "How long the connection that was taken first has been in use. Worry when it grows without end: somebody does not " +
				"give it back. The log of long holds has the stack that took it.",
			targets: []target{{
				expr: `max by (job, pool) (db_pool_oldest_hold_seconds)`, legend: "{{job}}/{{pool}}", color: orange,
			}},
		}.timeSeries(),
		panel{
			id: 405, title: "Misuse", unit: number, width: 6, height: 8, from: poolSelector,
			about: "Connections held longer than the limit for long holds, acquires by a caller that already held one (a deadlock, under " +
				"load), and connections given back inside a transaction or with rows not closed, which are closed for that. Each is " +
				"in the log with its stack. Worry about any.",
			targets: []target{
				{expr: `sum by (job, pool) (increase(db_pool_long_holds_total[$__rate_interval]))`, legend: "long holds {{job}}/{{pool}}", color: orange},
				{expr: `sum by (job, pool) (increase(db_pool_nested_acquires_total[$__rate_interval]))`, legend: "nested {{job}}/{{pool}}", color: red},
				{
					expr:   `sum by (job, pool) (increase(db_pool_connections_closed_total{reason=~"in_transaction|busy"}[$__rate_interval]))`,
					legend: "given back unfinished {{job}}/{{pool}}", color: purple,
				},
			},
		}.timeSeries(line(0, false), line(1, false), line(2, false)),
		panel{
			id: 406, title: "Connections closed, by reason", unit: perSecond, width: 6, height: 8, from: poolSelector,
			about: "Why connections were closed. Age (lifetime), idleness and overflow are how a pool is meant to work; broken ones and " +
				"those given back in a transaction or busy are not. Worry about a rate of those.",
			targets: []target{{
				expr:   `sum by (reason) (rate(db_pool_connections_closed_total[$__rate_interval]))`,
				legend: "{{reason}}",
			}},
		}.timeSeries(stacked),
	}
}

// named returns an expression that sets a readable name on series without an operation name.
func named(expr string) string {
	return `label_replace(` + expr + `, "operation", "(no name)", "operation", "")`
}
