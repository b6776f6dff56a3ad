package e2e_test

// correctedExpressions are the expressions to publish. They compute the capacity as db_pool_size + db_pool_num_overflow,
// which db_pool_max equals.
var correctedExpressions = []expression{
	{
		name:    "usage percentage",
		about:   "Connections in use, in percent of what the pool may open.",
		promQL:  `100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow)`,
		numbers: always,
	},
	{
		name:    "active connections",
		about:   "Connections in use.",
		promQL:  `db_pool_checked_out`,
		numbers: always,
	},
	{
		name:    "available connections",
		about:   "Connections that are open and idle. The pool opens more when they are gone, up to its capacity.",
		promQL:  `db_pool_checked_in`,
		numbers: always,
	},
	{
		name:    "high usage",
		about:   "More than 90 % of the capacity is in use.",
		promQL:  `db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > 0.9`,
		numbers: busy | full,
	},
	{
		name:    "medium usage",
		about:   "More than 70 % of the capacity is in use.",
		promQL:  `db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > 0.7`,
		numbers: busy | full,
	},
	{
		name:    "sustained usage",
		about:   "On average of the last hour, more than 80 % of the capacity was in use.",
		promQL:  `avg_over_time(db_pool_checked_out[1h]) > 0.8 * (db_pool_size + db_pool_num_overflow)`,
		numbers: busy | full,
	},
	{
		name:    "pool exhausted",
		about:   "Every connection that the pool may open is in use.",
		promQL:  `db_pool_checked_out >= db_pool_size + db_pool_num_overflow`,
		numbers: full,
	},
	{
		name:    "callers waiting",
		about:   "A caller waits for a connection: the sign of a pool that is too small, or whose connections are held too long.",
		promQL:  `db_pool_pending > 0`,
		numbers: full,
	},
	{
		name:    "timeouts",
		about:   "Callers gave up waiting within the last five minutes.",
		promQL:  `increase(db_pool_timeouts_total[5m]) > 0`,
		numbers: full,
	},
	{
		name:    "overflow connections",
		about:   "Connections in use above the base size.",
		promQL:  `db_pool_overflow`,
		numbers: always,
	},
	{
		name:    "using overflow",
		about:   "Connections above the base size are in use.",
		promQL:  `db_pool_overflow > 0`,
		numbers: busy | full,
	},
	{
		name:    "overflow percentage",
		about:   "Overflow in use, in percent of what is allowed; nothing for a pool that may not overflow.",
		promQL:  `100 * db_pool_overflow / (db_pool_num_overflow > 0)`,
		numbers: always,
	},
	{
		name:    "overflow share of time",
		about:   "How often overflow was used: the share of the last five minutes, from 0 to 1.",
		promQL:  `avg_over_time((db_pool_overflow > bool 0)[5m:15s]) > 0`,
		numbers: busy | full,
	},
	{
		name: "average concurrency",
		about: "Connections in use on average of the last five minutes, by Little's law: acquires a second times the time a " +
			"connection is held. Unlike samples of db_pool_checked_out it misses nothing that happens between two scrapes.",
		promQL:  `sum by (pool) (rate(db_pool_hold_duration_seconds_sum[5m]))`,
		numbers: atBase | busy | full | spent,
	},
	{
		name:    "slowest operations",
		about:   "The ten operations with the longest mean duration, of those that were run within the last five minutes.",
		promQL:  `topk(10, sum by (pool, operation) (rate(db_query_duration_seconds_sum[5m])) / sum by (pool, operation) (rate(db_query_duration_seconds_count[5m])) > 0)`,
		numbers: atBase | busy | full,
	},
	{
		name:    "p95 query duration",
		about:   "What 95 % of all operations of a pool stay under.",
		promQL:  quantile("0.95", "pool", "db_query_duration_seconds"),
		numbers: atBase | busy | full,
	},
	{
		name:    "p95 query duration by operation",
		about:   "What 95 % of the calls of an operation stay under.",
		promQL:  quantile("0.95", "pool, operation", "db_query_duration_seconds"),
		numbers: atBase | busy | full,
	},
	{
		name:    "p99 acquire duration",
		about:   "What 99 % of the acquires that got a connection stay under.",
		promQL:  quantile("0.99", "pool", "db_pool_acquire_duration_seconds"),
		numbers: atBase | busy | full,
	},
	{
		name:    "error ratio",
		about:   "More than 1 % of the operations of a pool failed.",
		promQL:  `sum by (pool) (rate(db_query_duration_seconds_count{error_type!=""}[5m])) / sum by (pool) (rate(db_query_duration_seconds_count[5m])) > 0.01`,
		numbers: busy | full,
	},
	{
		name:    "errors by operation",
		about:   "Failures a second, by operation and SQLSTATE.",
		promQL:  `sum by (pool, operation, error_type) (rate(db_query_duration_seconds_count{error_type!=""}[5m])) > 0`,
		numbers: busy | full,
	},
}

// quantile returns a quantile of a histogram, classic or native, in the last five minutes.
func quantile(q, by, histogram string) string {
	return `histogram_quantile(` + q + `, sum by (le, ` + by + `) (rate(` + histogram + `_bucket[5m]))) or ` +
		`histogram_quantile(` + q + `, sum by (` + by + `) (rate(` + histogram + `[5m])))`
}
