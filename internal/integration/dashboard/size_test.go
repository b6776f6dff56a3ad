package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// load is the mean number of connections in use in the instance where that is most.
func load(over string) string { return `max by (` + byPool + `) (` + instanceLoad(over) + `)` }

// needed is the number of connections that this load needs, by the formula of docs/sizing.md. The recording rule for it knows
// healthy times, but a dashboard does not rely on recording rules.
func needed(over string) string {
	return `max by (` + byPool + `) (ceil(` + instanceLoad(over) + ` + 2 * sqrt(` + instanceLoad(over) + `)))`
}

func instanceLoad(over string) string {
	return `sum by (` + byInstance + `) (rate(db_pool_hold_duration_seconds_sum[` + over + `]))`
}

// size returns panels that answer what size the pool should have.
func size() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 601, title: "Connections needed", unit: connections, width: 4, height: 8, from: poolSelector,
			about: "Connections: the load of the last hour and twice its square root to spare, in the instance that needs most. It is the need of " +
				"healthy times only: after an hour with a slow query, a lock, a leak or a server that does not answer it says what those " +
				"took, and a bigger pool cures none of them. If it is above the capacity, the pool was full.",
			targets: []target{{expr: needed("1h"), legend: poolLegend, anyOperation: true}},
		}.number(),
		panel{
			id: 605, title: "Average load", unit: connections, width: 4, height: 8, from: poolSelector,
			about:   "Acquires a second times the time of a hold, over the time shown: the connections in use on average. No pool can do with less.",
			targets: []target{{expr: load("$__range"), legend: poolLegend, anyOperation: true}},
		}.number(),
		panel{
			id: 603, title: "Load against size", unit: connections, width: 16, height: 8, from: poolSelector,
			about: "The instance with the most load. Average load is acquires a second times the time of a hold, which misses nothing " +
				"between two scrapes; a pool of that size would keep most callers waiting, as load varies. Needed is " +
				"that load and twice its square root to spare. The base size should be near what is needed, and the peak " +
				"below the capacity. Worry when needed is above the capacity.",
			targets: []target{
				{expr: load(window), legend: "average load " + poolLegend, color: blue, anyOperation: true},
				{expr: `max by (` + byPool + `) (db_pool_peak)`, legend: "peak " + poolLegend, color: purple},
				{expr: needed(window), legend: "needed " + poolLegend, color: orange, anyOperation: true},
				{expr: `max by (` + byPool + `) (db_pool_size)`, legend: "base size " + poolLegend, color: green},
				{expr: `max by (` + byPool + `) (db_pool_size + db_pool_num_overflow)`, legend: "capacity " + poolLegend, color: red},
			},
		}.timeSeries(line(1, false), line(2, false), line(3, true), line(4, true)),
		settingsTable(),
	}
}

func settingsTable() cog.Builder[dashboard.Panel] {
	columns := []column{{source: "job", title: "job"}, {source: "pool", title: "pool"}}
	by := byPool
	for _, setting := range []column{
		{source: "base_size", title: "base size", width: 90},
		{source: "max_conns", title: "max conns", width: 95},
		{source: "min_conns", title: "min conns", width: 95},
		{source: "min_idle_conns", title: "min idle conns", width: 125},
		{source: "max_conn_lifetime", title: "lifetime", width: 100},
		{source: "max_conn_lifetime_jitter", title: "lifetime jitter", width: 115},
		{source: "max_conn_idle_time", title: "idle time", width: 100},
		{source: "health_check_period", title: "health check", width: 110},
		{source: "server_address", title: "server"},
		{source: "server_port", title: "port", width: 80},
	} {
		by += ", " + setting.source
		columns = append(columns, setting)
	}
	columns = append(columns, column{source: "A", title: "instances", unit: number, width: 90},
		column{source: "namespace", title: "namespace"}, column{source: "cluster", title: "cluster"})
	return panel{
		id: 606, title: "Settings", unit: text, width: 24, height: 5, from: poolSelector,
		about: "What the pools were made with, and how many instances have those settings. A short lifetime or idle time opens connections all " +
			"the time. Worry when instances of one job differ.",
		targets: []target{{expr: `count by (` + by + `) (db_pool_settings)`, table: true}},
	}.rows("instances", columns...)
}
