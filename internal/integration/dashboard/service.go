package dashboard

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// service returns the small dashboard: the database connections of one service on one screen.
func service() *dashboard.DashboardBuilder {
	const (
		count    = `sum by (job) (rate(db_query_duration_seconds_count[$__rate_interval]))`
		failures = `sum by (job) (rate(db_query_duration_seconds_count{error_type!=""}[$__rate_interval]))`
	)
	b := newDashboard(serviceUID, "Database connections of a service",
		"Whether a service has the database connections it needs, on one screen. The dashboard of its pools says why not.").
		WithVariable(datasourceVariable()).
		WithVariable(labelVariable("job", "Service", "db_pool_size")).
		Annotation(firingAlerts(serviceSelector)).
		Link(linkTo(poolUID, "Pools in detail", "Every question about a pool, and its answer"))
	b.WithPanel(panel{
		id: 1, title: "Usage of Capacity (%)", unit: percent, width: 4, height: 6, from: serviceSelector,
		about: "Connections in use, in percent of all that the pool may open, in the fullest instance. Worry when it stays above 90 %.",
		targets: []target{{
			expr:   `max by (job, pool) (100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow))`,
			legend: "{{pool}}",
		}},
	}.gauge(usageSteps()...))
	b.WithPanel(panel{
		id: 2, title: "Callers waiting", unit: callers, width: 4, height: 6, from: serviceSelector,
		about:   "Callers that want a connection and have none yet, in all instances. Worry when it is above 0 for a minute.",
		targets: []target{{expr: `sum by (job) (db_pool_pending)`, legend: "waiting"}},
	}.number(step(1, orange)))
	b.WithPanel(panel{
		id: 3, title: "Acquire, 99th percentile", unit: seconds, width: 4, height: 6, from: serviceSelector,
		about: "What 99 % of the acquires of a connection stay under. Worry when it is above 100 ms.",
		targets: []target{{
			expr:   `histogram_quantile(0.99, sum by (le, job) (rate(db_pool_acquire_duration_seconds_bucket[$__rate_interval])))`,
			legend: "acquire",
		}},
	}.number(step(0.1, yellow), step(1, red)))
	b.WithPanel(panel{
		id: 4, title: "Operations", unit: perSecond, width: 4, height: 6, from: serviceSelector,
		about:   "Operations on the database a second, in all instances. A change that no user explains is worth a look.",
		targets: []target{{expr: count, legend: "operations"}},
	}.number())
	b.WithPanel(panel{
		id: 5, title: "Query, 95th percentile", unit: seconds, width: 4, height: 6, from: serviceSelector,
		about: "What 95 % of the operations stay under. Worry when it is more than the service's callers can wait.",
		targets: []target{{
			expr:   `histogram_quantile(0.95, sum by (le, job) (rate(db_query_duration_seconds_bucket[$__rate_interval])))`,
			legend: "query",
		}},
	}.number(step(0.5, yellow), step(2, red)))
	b.WithPanel(panel{
		id: 6, title: "Errors", unit: percent, width: 4, height: 6, from: serviceSelector,
		about: "Share of the operations that failed. Worry when it is above 1 %.",
		targets: []target{{
			expr:   `100 * (` + failures + ` or 0 * ` + count + `) / ` + count,
			legend: "errors",
		}},
	}.number(step(1, orange), step(10, red)))
	b.WithPanel(panel{
		id: 7, title: "Connections", unit: number, width: 12, height: 9, from: serviceSelector,
		about: "Connections in use in all instances, the peak between scrapes, and how many may be open. Worry when the peak touches " +
			"the capacity.",
		targets: []target{
			{expr: `sum by (job, pool) (db_pool_checked_out)`, legend: "in use {{pool}}", color: blue},
			{expr: `sum by (job, pool) (db_pool_peak)`, legend: "peak {{pool}}", color: purple},
			{expr: `sum by (job, pool) (db_pool_size + db_pool_num_overflow)`, legend: "capacity {{pool}}", color: red},
		},
	}.timeSeries(whole, line(1, false), line(2, true)))
	b.WithPanel(panel{
		id: 8, title: "Slowest operations, 95th percentile", unit: seconds, width: 12, height: 9, from: serviceSelector,
		about: "What 95 % of the calls of an operation stay under; the ten slowest. Worry about one that has changed.",
		targets: []target{{
			expr:   `topk(10, histogram_quantile(0.95, sum by (le, operation) (rate(db_query_duration_seconds_bucket[$__rate_interval]))) > 0)`,
			legend: "{{operation}}", exemplars: true,
		}},
	}.timeSeries(legendBeside("Max", "max")))
	return b
}
