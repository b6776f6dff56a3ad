package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// waiting returns panels that answer how long callers wait, and for what.
func waiting() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 302, title: "Time to get a connection", unit: seconds, width: 12, height: 8, from: poolSelector,
			about: "How long acquires took that got a connection, whatever it was that took the time, and how long the caller that waits " +
				"longest has waited so far. Worry when the 99th percentile is above 100 ms, or the longest wait above a second. " + estimate,
			targets: append(distribution("db_pool_acquire_duration_seconds"), target{
				expr: `max by (` + byPool + `) (db_pool_oldest_wait_seconds)`, legend: "waiting " + poolLegend, color: purple,
			}),
		}.timeSeries(line(3, true)),
		panel{
			id: 303, title: "Where that time goes", unit: seconds, width: 12, height: 8, from: poolSelector,
			about: "Mean time of an acquire, by phase: queue is waiting for a connection to become free, connect opening one, ping " +
				"finding out whether it is alive, prepare the program's own hook. Only queue means that the pool is too small or " +
				"connections are held too long; connect and ping point to the server or the network.",
			targets: []target{{
				expr: `sum by (cluster, namespace, phase) (rate(db_pool_acquire_phase_seconds_total[` + window + `])) / ` +
					`on (cluster, namespace) group_left () sum by (cluster, namespace) (rate(db_pool_acquires_total[` + window + `]))`,
				legend: "{{phase}} {{namespace}} {{cluster}}",
			}},
		}.timeSeries(stacked),
	}
}

// estimate says what a quantile of a classic histogram is.
const estimate = "A percentile is an estimate between two bounds of the histogram, such as 1 and 2.5 s; the mean is exact."

// distribution returns the mean of a histogram and its 95th and 99th percentile, by pool. Only one of them requests exemplars,
// which are the same for all.
func distribution(histogram string) []target {
	return []target{
		{expr: mean(byPool, histogram, window), legend: "mean " + poolLegend, color: green},
		{expr: quantile("0.95", byPool, histogram, window), legend: "p95 " + poolLegend, color: yellow},
		{expr: quantile("0.99", byPool, histogram, window), legend: "p99 " + poolLegend, color: red, exemplars: true},
	}
}
