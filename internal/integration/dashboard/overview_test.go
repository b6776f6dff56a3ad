package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// usage is the share of a pool's capacity that is in use, in the fullest instance.
const usage = `max by (` + byPool + `) (100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow))`

// overview returns the panels that tell troubles apart.
func overview() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		findingTable(),
		panel{
			id: 102, title: "Usage of Capacity (%)", unit: percent, width: 5, height: 8, from: poolSelector,
			about: "Connections in use, in percent of all that the pool may open: base size and overflow. Of several instances, " +
				"the fullest. Worry when it stays above 90 %: the next callers wait.",
			targets: []target{{expr: usage, legend: poolLegend}},
		}.gauge(usageSteps()...),
		panel{
			id: 101, title: "Connection Pool Usage (%)", unit: percent, width: 4, height: 8, from: poolSelector,
			about: "The number of the older SQLAlchemy guide: connections in use, in percent of the base size. A pool with overflow passes 100 % whenever it " +
				"overflows: a pool of 5 that may open 10 more reaches 300 %. So this is no sign of exhaustion by itself; usage of " +
				"capacity, beside it, is. Worry when it stays above 100 %: the base size is too small.",
			targets: []target{{expr: `(db_pool_checked_out / db_pool_size) * 100`, legend: instanceLegend}},
		}.gauge(usageSteps()...),
		panel{
			id: 301, title: "Callers waiting", unit: callers, width: 6, height: 8, from: poolSelector,
			about: "Callers that want a connection and have to wait until one is free: on average, and the most at any moment of the last " +
				"one to two minutes. Worry when the average is above 1 for a minute. A peak alone is a short spike.",
			targets: []target{
				{expr: rate(byPool, `db_pool_acquire_phase_seconds_total{phase="queue"}`), legend: "average " + poolLegend, color: orange},
				{expr: `sum by (` + byPool + `) (db_pool_pending_peak)`, legend: "peak " + poolLegend, color: purple},
			},
		}.timeSeries(line(1, false)),
		holderTable(),
		changeTable(),
		panel{
			id: 403, title: "Busy share of hold time, by unit of work", unit: share, width: 6, height: 8, from: poolSelector,
			about: "The part of the time of its holds in which a unit of work ran an operation; the five that hold most. Near 1: it waits for " +
				"the database. Well under half: it holds connections idle, and whoever waits for a lock of such a one is its victim.",
			targets: []target{{
				expr: named(rate(byHolder, "db_pool_busy_seconds_total") + ` / ` + rate(byHolder, "db_pool_hold_duration_seconds_sum") +
					` and topk(5, ` + rate(byHolder, "db_pool_hold_duration_seconds_sum") + ` > 0)`),
				legend: operationLegend,
			}},
		}.timeSeries(upTo(1), line(0, false)),
		panel{
			id: 304, title: "Acquires that failed", unit: perSecond, width: 6, height: 8, from: poolSelector,
			about: "Acquires a second that ended without a connection: by a deadline (timeout), because the caller gave up (canceled), " +
				"or because none could be opened (error). Worry about any timeout: a caller was not served.",
			targets: []target{{
				expr:   `sum by (cluster, namespace, job, pool, result) (rate(db_pool_acquires_total{result!="ok"}[` + window + `]))`,
				legend: "{{result}} " + poolLegend,
			}},
		}.timeSeries(),
		panel{
			id: 504, title: "Operations that failed, by SQLSTATE", unit: perSecond, width: 6, height: 8, from: poolSelector,
			about: "Operations a second that failed, by what was wrong: a SQLSTATE of the server, or timeout, canceled, connect, " +
				"connection. Worry about classes 53 (the server is out of something), 57 (it stops) and 40 (deadlocks), and about " +
				"any that grows. Who gets no connection runs no operation: that is in the panel beside it.",
			targets: []target{{
				expr:   `sum by (cluster, namespace, error_type) (rate(db_query_duration_seconds_count{error_type!=""}[` + window + `]))`,
				legend: "{{error_type}} {{namespace}} {{cluster}}",
			}},
		}.timeSeries(),
		panel{
			id: 106, title: "Connections opening and closing", unit: connections, width: 6, height: 8, from: poolSelector,
			about: "Connections that take a place though no caller holds them: being dialed, or being closed. Worry when they stay above 0: " +
				"the server or the network does not answer, and the pool may be full of them.",
			targets: []target{
				{expr: `sum by (` + byPool + `) (db_pool_constructing)`, legend: "opening " + poolLegend, color: blue},
				{expr: `sum by (` + byPool + `) (db_pool_closing)`, legend: "closing " + poolLegend, color: red},
			},
		}.timeSeries(whole),
	}
}

func findingTable() cog.Builder[dashboard.Panel] {
	return panel{
		id: 109, title: "What is wrong", unit: number, width: 24, height: 5, from: poolSelector,
		about: "What otelpool finds wrong with the pools at the end of the time shown, with the operation or unit of work that is guilty, and in " +
			"how many instances. Worry about each that stays for a minute: the runbook says what to do about its kind. Nothing is " +
			"shown while all is well.",
		targets: []target{{
			expr: `sum by (cluster, namespace, job, pool, kind, operation) (db_pool_finding) > 0`, table: true,
		}},
	}.rows("instances",
		column{source: "kind", title: "finding"},
		column{source: "operation", title: "operation"},
		column{source: "A", title: "instances", unit: number, width: 100},
		column{source: "pool", title: "pool"},
		column{source: "job", title: "job"},
		column{source: "namespace", title: "namespace"},
		column{source: "cluster", title: "cluster"},
	)
}

func holderTable() cog.Builder[dashboard.Panel] {
	const held = `sum by (` + byHolder + `) (db_pool_held) > 0`
	return panel{
		id: 108, title: "Who holds connections now", unit: number, width: 9, height: 8, from: poolSelector,
		about: "Units of work that hold connections at the end of the time shown, and since when the oldest of them. Worry about one that has " +
			"most of a full pool, and about an old one: it waits for something, or is not given back. The log of long holds has " +
			"the stack that took it.",
		targets: []target{
			{expr: named(held), table: true},
			{expr: named(`max by (` + byHolder + `) (db_pool_held_oldest_seconds) > 0`), table: true},
		},
	}.rows("held",
		column{source: "operation", title: "unit of work"},
		column{source: "A", title: "held", unit: number, width: 70},
		column{source: "B", title: "oldest", unit: seconds, width: 80, steps: []dashboard.Threshold{step(10, orange), step(60, red)}},
		column{source: "pool", title: "pool"},
		column{source: "job", title: "job"},
		column{source: "namespace", title: "namespace"},
		column{source: "cluster", title: "cluster"},
	)
}
