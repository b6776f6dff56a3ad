package dashboard

// Labels by which queries group. Cluster and namespace are in each: services of one name run in several.
const (
	byPool      = "cluster, namespace, job, pool"
	byInstance  = "cluster, namespace, job, instance, pool"
	byOperation = "cluster, namespace, job, operation"
	byHolder    = "cluster, namespace, job, pool, operation"
)

// Legends of series by those labels. What is absent is last, where its blank does not show.
const (
	poolLegend      = "{{job}}/{{pool}} {{namespace}} {{cluster}}"
	instanceLegend  = "{{instance}}/{{pool}} {{namespace}} {{cluster}}"
	operationLegend = "{{operation}} {{job}} {{namespace}} {{cluster}}"
)

// window is the range of rates. Its default is right for a scrape every 15 s, for a push every minute, and for a
// Collector's page that is scraped every 15 s and changes every minute: twice the longest interval, and once the
// shortest. A range excludes its beginning, so whole minutes would have a minute less 15 s between their first and last
// sample, and rates of 13.3, 13.3, 13.3 and 0 for a steady 10.
const window = "$window"

// recent is the range of a comparison with the past, which should not follow single events.
const recent = "5m15s"

func rate(by, counter string) string {
	return `sum by (` + by + `) (rate(` + counter + `[` + window + `]))`
}

// mean returns the mean of a histogram. The sum and count of a native one are series of
// collector-config/prometheus/native.yml.
func mean(by, histogram, over string) string {
	return `sum by (` + by + `) (rate(` + histogram + `_sum[` + over + `])) / ` +
		`sum by (` + by + `) (rate(` + histogram + `_count[` + over + `]))`
}

func quantile(q, by, histogram, over string) string {
	return `(histogram_quantile(` + q + `, sum by (le, ` + by + `) (rate(` + histogram + `_bucket[` + over + `]))) or ` +
		`histogram_quantile(` + q + `, sum by (` + by + `) (rate(` + histogram + `[` + over + `]))))`
}

// named returns an expression that sets a readable name on series without an operation name.
func named(expr string) string {
	return `label_replace(` + expr + `, "operation", "(no name)", "operation", "")`
}
