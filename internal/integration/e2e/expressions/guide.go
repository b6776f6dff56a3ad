package expressions

// Guide returns the expressions of the older SQLAlchemy guide for the documented metrics, unchanged. They were written for
// SQLAlchemy's pool.
func Guide() []Expression {
	return []Expression{
		{
			Name:    "usage percentage",
			About:   "Query example and panel 1, connection pool usage. It divides by the base size, so it reaches 300 % at 5 and 10.",
			PromQL:  `(db_pool_checked_out / db_pool_size) * 100`,
			Numbers: Always,
			Instead: "usage percentage",
		},
		{
			Name:    "available connections",
			About:   "Query example and panel 2, active and available connections.",
			PromQL:  `db_pool_checked_in`,
			Numbers: Always,
			Instead: "available connections",
		},
		{
			Name:    "active connections",
			About:   "Panel 2, active and available connections.",
			PromQL:  `db_pool_checked_out`,
			Numbers: Always,
			Instead: "active connections",
		},
		{
			Name: "pool exhaustion",
			About: "Query example, panel 4 and the alerts DatabasePoolExhaustion and HighPoolUsage. " +
				"It is true of a pool that is at its base size and may open as many connections again.",
			PromQL:  `(db_pool_checked_out / db_pool_size) > 0.9`,
			Numbers: AtBase | Busy | Full,
			Instead: "high usage",
		},
		{
			Name:    "overflow connections",
			About:   "Query example and panel 3, overflow connections.",
			PromQL:  `db_pool_overflow`,
			Numbers: Always,
			Instead: "overflow connections",
		},
		{
			Name:    "overflow percentage",
			About:   "Query example. It is NaN where no overflow is allowed.",
			PromQL:  `(db_pool_overflow / db_pool_num_overflow) * 100`,
			Numbers: Always,
			Instead: "overflow percentage",
		},
		{
			Name:    "pool exhausted",
			About:   "Alert PoolExhausted. It is true of a pool that was never used, and of every one whose open connections are all in use.",
			PromQL:  `db_pool_checked_in == 0`,
			Numbers: Fresh | AtBase | Full,
			Instead: "pool exhausted",
		},
		{
			Name:    "using overflow",
			About:   "Alert UsingOverflow.",
			PromQL:  `db_pool_overflow > 0`,
			Numbers: Busy | Full,
			Instead: "using overflow",
		},
		{
			Name:    "medium usage",
			About:   "Alert MediumPoolUsage. It divides by the base size.",
			PromQL:  `(db_pool_checked_out / db_pool_size) > 0.7`,
			Numbers: AtBase | Busy | Full,
			Instead: "medium usage",
		},
		{
			Name:    "sustained usage",
			About:   "Alert SustainedHighUsage. It compares with the base size.",
			PromQL:  `avg_over_time(db_pool_checked_out[1h]) > (db_pool_size * 0.8)`,
			Numbers: Busy | Full,
			Instead: "sustained usage",
		},
		{
			Name: "overflow frequency",
			About: "Troubleshooting, how often overflow is used. A rate over a gauge: it takes each fall for a restart of the " +
				"process, and is nothing while overflow stands at its maximum.",
			PromQL:  `rate(db_pool_overflow[5m]) > 0`,
			Numbers: Busy | Full,
			Instead: "overflow share of time",
		},
		{
			Name: "slowest queries",
			About: "Query duration. It lists failures and successes of an operation apart, and NaN for each operation that was " +
				"not run of late.",
			PromQL:  `topk(10, rate(db_query_duration_seconds_sum[5m]) / rate(db_query_duration_seconds_count[5m]))`,
			Numbers: AtBase | Busy | Full,
			Instead: "slowest operations",
		},
		{
			Name:    "p95 query duration",
			About:   "Query duration. It gives a quantile for every series, not for an operation or the pool.",
			PromQL:  `histogram_quantile(0.95, rate(db_query_duration_seconds_bucket[5m]))`,
			Numbers: AtBase | Busy | Full,
			Instead: "p95 query duration",
		},
	}
}
