package dashboard

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// service returns the small dashboard: the database connections of one service on one screen.
func service() *dashboard.DashboardBuilder {
	const (
		byJob      = "cluster, namespace, job"
		jobLegend  = "{{job}} {{namespace}} {{cluster}}"
		dialWidth  = 4
		dialHeight = 6
		query      = "db_query_duration_seconds"
	)
	count, failures := rate(byJob, query+"_count"), rate(byJob, query+`_count{error_type!=""}`)
	b := newDashboard(serviceUID, "Database connections of a service",
		"Whether a service has the database connections it needs, on one screen. The dashboard of its pools says why not.").
		WithVariable(datasourceVariable()).
		WithVariable(labelsVariable("cluster", "Cluster", "db_pool_size")).
		WithVariable(labelsVariable("namespace", "Namespace", `db_pool_size{cluster=~"$cluster"}`)).
		WithVariable(labelVariable("job", "Service", `db_pool_size{`+place+`}`)).
		WithVariable(windowVariable()).
		WithVariable(agoVariable()).
		Annotation(firingAlerts(serviceSelector)).
		Link(linkTo(poolUID, "Pools in detail", "Every question about a pool, and its answer"))
	b.WithPanel(panel{
		id: 1, title: "Usage of Capacity (%)", unit: percent, width: dialWidth, height: dialHeight, from: serviceSelector,
		about:   "Connections in use, in percent of all that the pool may open, in the fullest instance. Worry when it stays above 90 %.",
		targets: []target{{expr: usage, legend: "{{pool}} {{namespace}} {{cluster}}"}},
	}.gauge(usageSteps()...))
	b.WithPanel(panel{
		id: 2, title: "Callers waiting", unit: callers, width: dialWidth, height: dialHeight, from: serviceSelector,
		about: "Callers that have to wait until a connection is free, on average, in all instances. Worry when it is above 1 for a minute.",
		targets: []target{{
			expr: rate(byJob, `db_pool_acquire_phase_seconds_total{phase="queue"}`), legend: jobLegend,
		}},
	}.number(step(1, orange)))
	b.WithPanel(panel{
		id: 3, title: "Acquire, 99th percentile", unit: seconds, width: dialWidth, height: dialHeight, from: serviceSelector,
		about:   "What 99 % of the acquires of a connection stay under. Worry when it is above 100 ms. " + estimate,
		targets: []target{{expr: quantile("0.99", byJob, "db_pool_acquire_duration_seconds", window), legend: jobLegend}},
	}.number(step(0.1, yellow), step(1, red)))
	b.WithPanel(panel{
		id: 4, title: "Operations", unit: perSecond, width: dialWidth, height: dialHeight, from: serviceSelector,
		about:   "Operations on the database a second, in all instances. A change that no user explains is worth a look.",
		targets: []target{{expr: count, legend: jobLegend}},
	}.number())
	slower := changes()[1].ratio()
	b.WithPanel(panel{
		id: 5, title: "Largest slow-down", unit: times, width: dialWidth, height: dialHeight, from: serviceSelector,
		about: "The mean of the last five minutes against that at the time chosen above, of the operation that has slowed down most. Worry " +
			"when it is above 2. A number over all operations would follow which of them are run.",
		targets: []target{{expr: `topk by (` + byJob + `) (1, ` + slower + `)`, legend: operationLegend}},
	}.number(step(2, yellow), step(5, red)))
	b.WithPanel(panel{
		id: 6, title: "Errors", unit: percent, width: dialWidth, height: dialHeight, from: serviceSelector,
		about:   "Share of the operations that failed. Worry when it is above 1 %.",
		targets: []target{{expr: `100 * (` + failures + ` or 0 * ` + count + `) / ` + count, legend: jobLegend}},
	}.number(step(1, orange), step(10, red)))
	b.WithPanel(panel{
		id: 7, title: "Connections", unit: connections, width: 12, height: 9, from: serviceSelector,
		about: "Connections in use in all instances, the peak between scrapes, and how many may be open. Worry when the peak touches " +
			"the capacity.",
		targets: []target{
			{expr: `sum by (` + byPool + `) (db_pool_checked_out)`, legend: "in use {{pool}} {{namespace}} {{cluster}}", color: blue},
			{expr: `sum by (` + byPool + `) (db_pool_peak)`, legend: "peak {{pool}} {{namespace}} {{cluster}}", color: purple},
			{
				expr:   `sum by (` + byPool + `) (db_pool_size + db_pool_num_overflow)`,
				legend: "capacity {{pool}} {{namespace}} {{cluster}}", color: red,
			},
		},
	}.timeSeries(whole, line(1, false), line(2, true)))
	b.WithPanel(panel{
		id: 8, title: "Slowest operations", unit: seconds, width: 12, height: 9, from: serviceSelector,
		about: "Mean of an operation, and what 95 % of its calls stay under; the five slowest. Worry about one that has changed. " + estimate,
		targets: []target{
			{expr: `topk(5, ` + mean(byOperation, query, window) + ` > 0)`, legend: "mean " + operationLegend},
			{expr: `topk(5, ` + quantile("0.95", byOperation, query, window) + ` > 0)`, legend: "p95 " + operationLegend, exemplars: true},
		},
	}.timeSeries(legendBeside("Max", "max"), line(1, true)))
	return b
}
