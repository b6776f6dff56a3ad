package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// capacity returns panels that answer whether the pool is full.
func capacity() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 201, title: "Connections against their limits", unit: number, width: 8, height: 8, from: poolSelector,
			about: "Connections in use, of all instances together, and how many of them may be open. The peak is the most in use at " +
				"any moment of the last one to two minutes, between two scrapes too; peaks of several instances are added, though " +
				"they need not have been at the same time. Worry when the peak touches the capacity.",
			targets: []target{
				{expr: `sum by (job, pool) (db_pool_checked_out)`, legend: "in use {{job}}/{{pool}}", color: blue},
				{expr: `sum by (job, pool) (db_pool_peak)`, legend: "peak {{job}}/{{pool}}", color: purple},
				{expr: `sum by (job, pool) (db_pool_size)`, legend: "base size {{job}}/{{pool}}", color: green},
				{expr: `sum by (job, pool) (db_pool_size + db_pool_num_overflow)`, legend: "capacity {{job}}/{{pool}}", color: red},
			},
		}.timeSeries(whole, line(1, false), line(2, true), line(3, true)),
		panel{
			id: 202, title: "Usage of capacity, fullest instance", unit: percent, width: 8, height: 8, from: poolSelector,
			about: "Connections in use, in percent of base size and overflow, in the instance where that is most. Worry when it is " +
				"above 90 % for minutes, or when the peak reaches 100 % again and again: callers wait then, if only for short.",
			targets: []target{
				{
					expr:   `max by (job, pool) (100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow))`,
					legend: "in use {{job}}/{{pool}}", color: blue,
				},
				{
					expr:   `max by (job, pool) (100 * db_pool_peak / (db_pool_size + db_pool_num_overflow))`,
					legend: "peak {{job}}/{{pool}}", color: purple,
				},
			},
		}.timeSeries(upTo(100), line(1, false), limits(usageSteps()...)),
		panel{
			id: 203, title: "Overflow connections opened", unit: perSecond, width: 8, height: 8, from: poolSelector,
			about: "Connections opened a second when as many as the base size were open already: how often overflow is used, however " +
				"short. Each costs the time of connecting. Worry about a steady rate: the base size is too small.",
			targets: []target{{
				expr:   `sum by (job, pool) (rate(db_pool_overflow_opened_total[$__rate_interval]))`,
				legend: "{{job}}/{{pool}}", color: orange,
			}},
		}.timeSeries(),
	}
}
