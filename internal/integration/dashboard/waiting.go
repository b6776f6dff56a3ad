package dashboard

import (
	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// waiting returns panels that answer whether anyone waits, and how long.
func waiting() []cog.Builder[dashboard.Panel] {
	return []cog.Builder[dashboard.Panel]{
		panel{
			id: 301, title: "Callers waiting", unit: number, width: 6, height: 8, from: poolSelector,
			about: "Callers that want a connection and have none yet: now, and the most at any moment of the last one to two minutes. " +
				"Worry when it is above 0 for a minute: that is what a pool that is too small looks like.",
			targets: []target{
				{expr: `sum by (job, pool) (db_pool_pending)`, legend: "now {{job}}/{{pool}}", color: orange},
				{expr: `sum by (job, pool) (db_pool_pending_peak)`, legend: "peak {{job}}/{{pool}}", color: purple},
			},
		}.timeSeries(whole, line(1, false)),
		panel{
			id: 302, title: "Time to get a connection", unit: seconds, width: 6, height: 8, from: poolSelector,
			about: "How long acquires took, whatever it was that took the time, and how long the caller that waits longest has waited " +
				"so far. Worry when the 99th percentile is above 100 ms, or the longest wait above a second.",
			targets: append(quantiles("db_pool_acquire_duration_seconds"), target{
				expr: `max by (job, pool) (db_pool_oldest_wait_seconds)`, legend: "waiting {{job}}/{{pool}}", color: purple,
			}),
		}.timeSeries(line(3, true)),
		panel{
			id: 303, title: "Where that time goes", unit: seconds, width: 6, height: 8, from: poolSelector,
			about: "Mean time of an acquire, by phase: queue is waiting for a connection to become free, connect opening one, ping " +
				"finding out whether it is alive, prepare the program's own hook. Only queue means that the pool is too small or " +
				"connections are held too long; connect and ping point to the server or the network.",
			targets: []target{{
				expr: `sum by (phase) (rate(db_pool_acquire_phase_seconds_total[$__rate_interval])) / on () group_left () ` +
					`sum (rate(db_pool_acquires_total[$__rate_interval]))`,
				legend: "{{phase}}",
			}},
		}.timeSeries(stacked),
		panel{
			id: 304, title: "Acquires that failed", unit: perSecond, width: 6, height: 8, from: poolSelector,
			about: "Acquires a second that ended without a connection: by a deadline (timeout), because the caller gave up (canceled), " +
				"or because none could be opened (error). Worry about any timeout: somebody was not served.",
			targets: []target{{
				expr:   `sum by (job, pool, result) (rate(db_pool_acquires_total{result!="ok"}[$__rate_interval]))`,
				legend: "{{result}} {{job}}/{{pool}}",
			}},
		}.timeSeries(),
	}
}

// quantiles returns the 50th, 95th and 99th percentile of a histogram, by pool. Only one of them requests exemplars,
// which are the same for all.
func quantiles(histogram string) []target {
	quantile := func(q string) string {
		return `histogram_quantile(` + q + `, sum by (le, job, pool) (rate(` + histogram + `_bucket[$__rate_interval])))`
	}
	return []target{
		{expr: quantile("0.5"), legend: "p50 {{job}}/{{pool}}", color: green},
		{expr: quantile("0.95"), legend: "p95 {{job}}/{{pool}}", color: yellow},
		{expr: quantile("0.99"), legend: "p99 {{job}}/{{pool}}", color: red, exemplars: true},
	}
}
