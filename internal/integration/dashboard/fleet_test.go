package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// serverCount is postgres_exporter's, which not everybody has.
const serverCount = "pg_stat_activity_count"

// fleet returns panels that compare all instances together with the server's limit.
func fleet() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 701, title: "Connections of all selected pools against max_connections", unit: connections, width: 12, height: 8, from: poolSelector,
			about: "Open connections of all instances, what they may open at their base size and with overflow, and the server's limit. " +
				"Select the pools of one server, and set max_connections above. Worry when the capacity is above the limit: in a " +
				"bad moment the server refuses connections, to everybody. Where postgres_exporter is scraped, what the servers of the " +
				"cluster and namespace count themselves is beside it: what is above ours are others.",
			targets: []target{
				{expr: `sum by (cluster, namespace) (db_pool_checked_out + db_pool_checked_in)`, legend: "open {{namespace}} {{cluster}}", color: blue},
				{expr: `sum by (cluster, namespace) (db_pool_size)`, legend: "base size × instances {{namespace}} {{cluster}}", color: green},
				{
					expr:   `sum by (cluster, namespace) (db_pool_size + db_pool_num_overflow)`,
					legend: "capacity × instances {{namespace}} {{cluster}}", color: orange,
				},
				{expr: `vector($max_connections)`, legend: "max_connections", color: red},
				{
					expr:   `sum by (cluster, namespace) (` + serverCount + `{` + place + `})`,
					legend: "the server's own count {{namespace}} {{cluster}}", color: purple,
				},
			},
		}.timeSeries(whole, line(1, true), line(2, true), line(3, true), line(4, false)),
		panel{
			id: 702, title: "Instances", unit: instances, width: 4, height: 8, from: poolSelector,
			about:   "Instances that report a pool. A fall that no deployment explains: metrics are gone, or programs are.",
			targets: []target{{expr: `count by (` + byPool + `) (db_pool_size)`, legend: poolLegend}},
		}.number(),
		panel{
			id: 703, title: "Fullest instances", unit: percent, width: 8, height: 8, from: poolSelector,
			about: "Usage of capacity in the ten instances where it is most. Worry when one stands out: load is not spread evenly, or " +
				"that instance leaks.",
			targets: []target{{
				expr:   `topk(10, 100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow))`,
				legend: instanceLegend,
			}},
		}.timeSeries(upTo(100), limits(usageSteps()...)),
		instanceTable(),
	}
}

func instanceTable() cog.Builder[dashboard.Panel] {
	each := func(expr string) target {
		return target{expr: `sum by (` + byInstance + `) (` + expr + `)`, table: true}
	}
	return panel{
		id: 705, title: "All instances", unit: number, width: 24, height: 9, from: poolSelector,
		about: "Every instance as it is at the end of the time shown, fullest first. Worry about usage above 90 %, about callers that " +
			"waits, and about an old hold.",
		targets: []target{
			each(`100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow)`),
			each(`db_pool_checked_out`),
			each(`db_pool_peak`),
			each(`db_pool_size`),
			each(`db_pool_size + db_pool_num_overflow`),
			each(`db_pool_pending`),
			each(`db_pool_oldest_hold_seconds`),
		},
	}.rows("usage",
		column{source: "job", title: "job"},
		column{source: "instance", title: "instance"},
		column{source: "pool", title: "pool"},
		column{source: "namespace", title: "namespace"},
		column{source: "cluster", title: "cluster"},
		column{source: "A", title: "usage", unit: percent, steps: usageSteps()},
		column{source: "B", title: "in use", unit: number},
		column{source: "C", title: "peak", unit: number},
		column{source: "D", title: "base size", unit: number},
		column{source: "E", title: "capacity", unit: number},
		column{source: "F", title: "waiting", unit: number, steps: []dashboard.Threshold{step(1, orange)}},
		column{source: "G", title: "oldest hold", unit: seconds, steps: []dashboard.Threshold{step(60, orange)}},
	)
}
