package dashboard

import "github.com/grafana/grafana-foundation-sdk/go/dashboard"

// pool returns the dashboard of all metrics: what distinguishes troubles, then a row for each question.
func pool() *dashboard.DashboardBuilder {
	b := newDashboard(poolUID, "PostgreSQL connection pools",
		"Is the pool full? Is anyone waiting, and how long? Who holds the connections? Is it the database or us? What size should it be?").
		WithVariable(datasourceVariable()).
		WithVariable(labelsVariable("cluster", "Cluster", "db_pool_size")).
		WithVariable(labelsVariable("namespace", "Namespace", `db_pool_size{cluster=~"$cluster"}`)).
		WithVariable(labelsVariable("job", "Job", `db_pool_size{`+place+`}`)).
		WithVariable(labelsVariable("instance", "Instance", `db_pool_size{`+place+`, job=~"$job"}`)).
		WithVariable(labelsVariable("pool", "Pool", `db_pool_size{`+place+`, job=~"$job", instance=~"$instance"}`)).
		WithVariable(labelsVariable("operation", "Operation",
			`{__name__=~"db_query_duration_seconds|db_query_duration_seconds_count|db_pool_units_of_work_total", `+poolSelector.all+`}`)).
		WithVariable(windowVariable()).
		WithVariable(agoVariable()).
		WithVariable(numberVariable("max_connections", "max_connections",
			"max_connections of the server that the selected pools connect to, less superuser_reserved_connections", "100")).
		Annotation(firingAlerts(alertSelector)).
		Link(linkTo(serviceUID, "Service", "The front page of a service"))
	row(b, 100, "Which of these is it?", overview()...)
	row(b, 200, "Is the pool full?", capacity()...)
	row(b, 300, "How long do callers wait, and for what?", waiting()...)
	row(b, 400, "Who holds the connections?", holders()...)
	row(b, 500, "Is it the database or us?", databaseOrProgram()...)
	row(b, 600, "What size should it be?", size()...)
	collapsedRow(b, 700, "Fleet: all instances against the server's max_connections", fleet()...)
	return b
}
