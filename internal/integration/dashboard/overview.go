package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// overview returns the guide's four panels, and the usage of the capacity beside the guide's usage of the base size.
func overview() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 101, title: "Connection Pool Usage (%)", unit: percent, width: 4, height: 8, from: poolSelector,
			about: "Connections in use, in percent of the base size. A pool with overflow passes 100 % whenever it overflows: a " +
				"pool of 5 that may open 10 more reaches 300 %. So this is no sign of exhaustion by itself; usage of capacity, " +
				"beside it, is. Worry when it stays above 100 %: the base size is too small.",
			targets: []target{{expr: `(db_pool_checked_out / db_pool_size) * 100`, legend: "{{instance}}/{{pool}}"}},
		}.gauge(usageSteps()...),
		panel{
			id: 102, title: "Usage of Capacity (%)", unit: percent, width: 4, height: 8, from: poolSelector,
			about: "Connections in use, in percent of all that the pool may open: base size and overflow. Of several instances, " +
				"the fullest. Worry when it stays above 90 %: the next callers wait.",
			targets: []target{{
				expr:   `max by (job, pool) (100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow))`,
				legend: "{{job}}/{{pool}}",
			}},
		}.gauge(usageSteps()...),
		panel{
			id: 103, title: "Active vs Available Connections", unit: connections, width: 8, height: 8, from: poolSelector,
			about: "Active: in use. Available: open and idle, ready for the next caller. None available is no trouble by itself: a " +
				"pool opens more when it needs them, up to its capacity, and has none before its first use.",
			targets: []target{
				{expr: `db_pool_checked_out`, legend: "active {{instance}}/{{pool}}", color: blue},
				{expr: `db_pool_checked_in`, legend: "available {{instance}}/{{pool}}", color: green},
			},
		}.timeSeries(legendTable("lastNotNull", "max"), whole),
		panel{
			id: 104, title: "Overflow Connections", unit: connections, width: 4, height: 8, from: poolSelector,
			about: "Connections in use beyond the base size; 0 at rest, and always 0 for a pool without overflow. Spikes are what " +
				"overflow is for. Worry when it stays above 0 for 10 minutes (alert UsingOverflow): the base size is too small.",
			targets: []target{{expr: `db_pool_overflow`, legend: "{{instance}}/{{pool}}"}},
		}.number(step(1, yellow)),
		panel{
			id: 105, title: "Pool Exhaustion Events", unit: yesNo, width: 4, height: 8, from: poolSelector,
			about: "When more than 90 % of the capacity was in use in some instance, and when the alert " + exhaustionAlert +
				" fired because that lasted for 5 minutes. The guide compares with the base size; that is true of any pool that " +
				"uses its overflow, so both compare with base size and overflow. Worry when it lasts.",
			targets: []target{
				{
					expr:   `max by (job, pool) (db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > bool 0.9)`,
					legend: "over 90 % {{job}}/{{pool}}", color: orange,
				},
				{
					expr:   `max by (job, pool) (ALERTS{alertname="` + exhaustionAlert + `", alertstate="firing"})`,
					legend: "alert {{job}}/{{pool}}", color: red,
				},
			},
		}.timeSeries(steps, upTo(1), whole),
	}
}
