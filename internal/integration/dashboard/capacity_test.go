package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// capacity returns panels that answer whether the pool is full.
func capacity() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 201, title: "Connections against their limits", unit: connections, width: 8, height: 8, from: poolSelector,
			about: "Connections in use, of all instances together, and how many of them may be open. The peak is the most in use at " +
				"any moment of the last one to two minutes, between two scrapes too; peaks of several instances are added, though " +
				"they need not have been at the same time. Worry when the peak touches the capacity.",
			targets: []target{
				{expr: `sum by (` + byPool + `) (db_pool_checked_out)`, legend: "in use " + poolLegend, color: blue},
				{expr: `sum by (` + byPool + `) (db_pool_peak)`, legend: "peak " + poolLegend, color: purple},
				{expr: `sum by (` + byPool + `) (db_pool_size)`, legend: "base size " + poolLegend, color: green},
				{expr: `sum by (` + byPool + `) (db_pool_size + db_pool_num_overflow)`, legend: "capacity " + poolLegend, color: red},
			},
		}.timeSeries(whole, line(1, false), line(2, true), line(3, true)),
		panel{
			id: 103, title: "Active vs Available Connections", unit: connections, width: 7, height: 8, from: poolSelector,
			about: "Active: in use. Available: open and idle, ready for the next caller. None available is no trouble by itself: a " +
				"pool opens more when it needs them, up to its capacity, and has none before its first use.",
			targets: []target{
				{expr: `db_pool_checked_out`, legend: "active " + instanceLegend, color: blue},
				{expr: `db_pool_checked_in`, legend: "available " + instanceLegend, color: green},
			},
		}.timeSeries(legendTable("lastNotNull", "max"), whole),
		panel{
			id: 104, title: "Overflow Connections", unit: connections, width: 4, height: 8, from: poolSelector,
			about: "Connections in use beyond the base size; 0 at rest, and always 0 for a pool without overflow. Spikes are what " +
				"overflow is for. Worry when it stays above 0 for 10 minutes (alert UsingOverflow): the base size is too small.",
			targets: []target{{expr: `db_pool_overflow`, legend: instanceLegend}},
		}.number(step(1, yellow)),
		panel{
			id: 105, title: "Pool Exhaustion Events", unit: yesNo, width: 5, height: 8, from: poolSelector,
			about: "When more than 90 % of the capacity was in use in some instance, and when the alert " + exhaustionAlert +
				" fired because that lasted for 5 minutes. The older SQLAlchemy guide compares with the base size; that is true of any pool that " +
				"uses its overflow, so both compare with base size and overflow. Worry when it lasts.",
			targets: []target{
				{
					expr:   `max by (` + byPool + `) (db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > bool 0.9)`,
					legend: "over 90 % " + poolLegend, color: orange,
				},
				{
					expr:   `max by (` + byPool + `) (ALERTS{alertname="` + exhaustionAlert + `", alertstate="firing"})`,
					legend: "alert " + poolLegend, color: red,
				},
			},
		}.timeSeries(steps, upTo(1), whole),
	}
}
