package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// needed is the size that a pool needs by the last hour: the number of connections that was enough for 95 % of the
// time, plus a fifth.
const needed = `max by (job, pool) (ceil(1.2 * quantile_over_time(0.95, db_pool_checked_out[1h])))`

// size returns panels that answer what size the pool should have.
func size() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 601, title: "Connections needed", unit: connections, width: 6, height: 4, from: poolSelector,
			about: "Connections: what was enough for 95 % of the last hour, and a fifth more, in the instance that needs most. If it is above the " +
				"capacity, the pool was full and the need may be higher still.",
			targets: []target{{expr: needed, legend: "{{job}}/{{pool}}", now: true}},
		}.number(),
		panel{
			id: 602, title: "Capacity now", unit: connections, width: 6, height: 4, from: poolSelector,
			about:   "Base size and overflow of an instance: what the connections needed are to be compared with.",
			targets: []target{{expr: `max by (job, pool) (db_pool_size + db_pool_num_overflow)`, legend: "{{job}}/{{pool}}", now: true}},
		}.number(),
		panel{
			id: 604, title: "Highest peak of an hour", unit: connections, width: 6, height: 4, from: poolSelector,
			about:   "The most connections in use at any moment of the last hour. If it never comes near the capacity, the pool could be smaller.",
			targets: []target{{expr: `max by (job, pool) (max_over_time(db_pool_peak[1h]))`, legend: "{{job}}/{{pool}}", now: true}},
		}.number(),
		panel{
			id: 605, title: "Average load", unit: connections, width: 6, height: 4, from: poolSelector,
			about: "Acquires a second times the time of a hold, over the time shown: the connections in use on average. No pool can do with less.",
			targets: []target{{
				expr:   `max by (job, pool) (sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_sum[$__range])))`,
				legend: "{{job}}/{{pool}}", now: true, anyOperation: true,
			}},
		}.number(),
		panel{
			id: 603, title: "Load against size", unit: number, width: 24, height: 8, from: poolSelector,
			about: "The instance with the most load. Average load is acquires a second times the time of a hold, which misses nothing " +
				"between two scrapes; a pool of that size would keep most callers waiting, as load varies. Needed is what was " +
				"enough for 95 % of the last hour, and a fifth more. The base size should be near what is needed, and the peak " +
				"below the capacity. Worry when needed is above the capacity.",
			targets: []target{
				{
					expr:   `max by (job, pool) (sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_sum[$__rate_interval])))`,
					legend: "average load {{job}}/{{pool}}", color: blue, anyOperation: true,
				},
				{expr: `max by (job, pool) (db_pool_peak)`, legend: "peak {{job}}/{{pool}}", color: purple},
				{expr: needed, legend: "needed {{job}}/{{pool}}", color: orange},
				{expr: `max by (job, pool) (db_pool_size)`, legend: "base size {{job}}/{{pool}}", color: green},
				{expr: `max by (job, pool) (db_pool_size + db_pool_num_overflow)`, legend: "capacity {{job}}/{{pool}}", color: red},
			},
		}.timeSeries(line(1, false), line(2, false), line(3, true), line(4, true)),
	}
}
