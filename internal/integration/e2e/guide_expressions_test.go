package e2e_test

// guideExpressions are the expressions of the older SQLAlchemy guide for the documented metrics, unchanged. They were
// written for SQLAlchemy's pool.
var guideExpressions = []expression{
	{
		name:    "usage percentage",
		about:   "Query example and panel 1, connection pool usage. It divides by the base size, so it reaches 300 % at 5 and 10.",
		promQL:  `(db_pool_checked_out / db_pool_size) * 100`,
		numbers: always,
		instead: "usage percentage",
	},
	{
		name:    "available connections",
		about:   "Query example and panel 2, active and available connections.",
		promQL:  `db_pool_checked_in`,
		numbers: always,
		instead: "available connections",
	},
	{
		name:    "active connections",
		about:   "Panel 2, active and available connections.",
		promQL:  `db_pool_checked_out`,
		numbers: always,
		instead: "active connections",
	},
	{
		name: "pool exhaustion",
		about: "Query example, panel 4 and the alerts DatabasePoolExhaustion and HighPoolUsage. " +
			"It is true of a pool that is at its base size and may open as many connections again.",
		promQL:  `(db_pool_checked_out / db_pool_size) > 0.9`,
		numbers: atBase | busy | full,
		instead: "high usage",
	},
	{
		name:    "overflow connections",
		about:   "Query example and panel 3, overflow connections.",
		promQL:  `db_pool_overflow`,
		numbers: always,
		instead: "overflow connections",
	},
	{
		name:    "overflow percentage",
		about:   "Query example. It is NaN where no overflow is allowed.",
		promQL:  `(db_pool_overflow / db_pool_num_overflow) * 100`,
		numbers: always,
		instead: "overflow percentage",
	},
	{
		name:    "pool exhausted",
		about:   "Alert PoolExhausted. It is true of a pool that was never used, and of every one whose open connections are all in use.",
		promQL:  `db_pool_checked_in == 0`,
		numbers: fresh | atBase | full,
		instead: "pool exhausted",
	},
	{
		name:    "using overflow",
		about:   "Alert UsingOverflow.",
		promQL:  `db_pool_overflow > 0`,
		numbers: busy | full,
		instead: "using overflow",
	},
	{
		name:    "medium usage",
		about:   "Alert MediumPoolUsage. It divides by the base size.",
		promQL:  `(db_pool_checked_out / db_pool_size) > 0.7`,
		numbers: atBase | busy | full,
		instead: "medium usage",
	},
	{
		name:    "sustained usage",
		about:   "Alert SustainedHighUsage. It compares with the base size.",
		promQL:  `avg_over_time(db_pool_checked_out[1h]) > (db_pool_size * 0.8)`,
		numbers: busy | full,
		instead: "sustained usage",
	},
	{
		name: "overflow frequency",
		about: "Troubleshooting, how often overflow is used. A rate over a gauge: it takes each fall for a restart of the " +
			"process, and is nothing while overflow stands at its maximum.",
		promQL:  `rate(db_pool_overflow[5m]) > 0`,
		numbers: busy | full,
		instead: "overflow share of time",
	},
	{
		name: "slowest queries",
		about: "Query duration. It lists failures and successes of an operation apart, and NaN for each operation that was " +
			"not run recently.",
		promQL:  `topk(10, rate(db_query_duration_seconds_sum[5m]) / rate(db_query_duration_seconds_count[5m]))`,
		numbers: atBase | busy | full,
		instead: "slowest operations",
	},
	{
		name:    "p95 query duration",
		about:   "Query duration. It gives a quantile for every series, not for an operation or the pool.",
		promQL:  `histogram_quantile(0.95, rate(db_query_duration_seconds_bucket[5m]))`,
		numbers: atBase | busy | full,
		instead: "p95 query duration",
	},
}
