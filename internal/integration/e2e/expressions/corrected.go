package expressions

// Corrected returns the expressions to publish. They compute the capacity as db_pool_size + db_pool_num_overflow,
// which db_pool_max equals.
func Corrected() []Expression {
	return append(pools(), queries()...)
}

// pools returns the expressions for the usage of a pool.
func pools() []Expression {
	return []Expression{
		{
			Name:    "usage percentage",
			About:   "Connections in use, in percent of what the pool may open.",
			PromQL:  `100 * db_pool_checked_out / (db_pool_size + db_pool_num_overflow)`,
			Numbers: Always,
		},
		{
			Name:    "active connections",
			About:   "Connections in use.",
			PromQL:  `db_pool_checked_out`,
			Numbers: Always,
		},
		{
			Name:    "available connections",
			About:   "Connections that are open and idle. The pool opens more when they are gone, up to its capacity.",
			PromQL:  `db_pool_checked_in`,
			Numbers: Always,
		},
		{
			Name:    "high usage",
			About:   "More than 90 % of the capacity is in use.",
			PromQL:  `db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > 0.9`,
			Numbers: Busy | Full,
		},
		{
			Name:    "medium usage",
			About:   "More than 70 % of the capacity is in use.",
			PromQL:  `db_pool_checked_out / (db_pool_size + db_pool_num_overflow) > 0.7`,
			Numbers: Busy | Full,
		},
		{
			Name:    "sustained usage",
			About:   "On average of the last hour, more than 80 % of the capacity was in use.",
			PromQL:  `avg_over_time(db_pool_checked_out[1h]) > 0.8 * (db_pool_size + db_pool_num_overflow)`,
			Numbers: Busy | Full,
		},
		{
			Name:    "pool exhausted",
			About:   "Every connection that the pool may open is in use.",
			PromQL:  `db_pool_checked_out >= db_pool_size + db_pool_num_overflow`,
			Numbers: Full,
		},
		{
			Name:    "callers waiting",
			About:   "Somebody waits for a connection: the sign of a pool that is too small, or whose connections are held too long.",
			PromQL:  `db_pool_pending > 0`,
			Numbers: Full,
		},
		{
			Name:    "timeouts",
			About:   "Callers gave up waiting within the last five minutes.",
			PromQL:  `increase(db_pool_timeouts_total[5m]) > 0`,
			Numbers: Full,
		},
		{
			Name:    "overflow connections",
			About:   "Connections in use above the base size.",
			PromQL:  `db_pool_overflow`,
			Numbers: Always,
		},
		{
			Name:    "using overflow",
			About:   "Connections above the base size are in use.",
			PromQL:  `db_pool_overflow > 0`,
			Numbers: Busy | Full,
		},
		{
			Name:    "overflow percentage",
			About:   "Overflow in use, in percent of what is allowed; nothing for a pool that may not overflow.",
			PromQL:  `100 * db_pool_overflow / (db_pool_num_overflow > 0)`,
			Numbers: Always,
		},
		{
			Name:    "overflow share of time",
			About:   "How often overflow was used: the share of the last five minutes, from 0 to 1.",
			PromQL:  `avg_over_time((db_pool_overflow > bool 0)[5m:15s]) > 0`,
			Numbers: Busy | Full,
		},
		{
			Name: "average concurrency",
			About: "Connections in use on average of the last five minutes, by Little's law: acquires a second times the time a " +
				"connection is held. Unlike samples of db_pool_checked_out it misses nothing that happens between two scrapes.",
			PromQL:  `sum by (pool) (rate(db_pool_hold_duration_seconds_sum[5m]))`,
			Numbers: AtBase | Busy | Full | Spent,
		},
	}
}

// queries returns the expressions for durations and errors.
func queries() []Expression {
	return []Expression{
		{
			Name:    "slowest operations",
			About:   "The ten operations with the longest mean duration, of those that were run within the last five minutes.",
			PromQL:  `topk(10, sum by (pool, operation) (rate(db_query_duration_seconds_sum[5m])) / sum by (pool, operation) (rate(db_query_duration_seconds_count[5m])) > 0)`,
			Numbers: AtBase | Busy | Full,
		},
		{
			Name:    "p95 query duration",
			About:   "What 95 % of all operations of a pool stay under.",
			PromQL:  quantile("0.95", "pool", "db_query_duration_seconds"),
			Numbers: AtBase | Busy | Full,
		},
		{
			Name:    "p95 query duration by operation",
			About:   "What 95 % of the calls of an operation stay under.",
			PromQL:  quantile("0.95", "pool, operation", "db_query_duration_seconds"),
			Numbers: AtBase | Busy | Full,
		},
		{
			Name:    "p99 acquire duration",
			About:   "What 99 % of the acquires that got a connection stay under.",
			PromQL:  quantile("0.99", "pool", "db_pool_acquire_duration_seconds"),
			Numbers: AtBase | Busy | Full,
		},
		{
			Name:    "error ratio",
			About:   "More than 1 % of the operations of a pool failed.",
			PromQL:  `sum by (pool) (rate(db_query_duration_seconds_count{error_type!=""}[5m])) / sum by (pool) (rate(db_query_duration_seconds_count[5m])) > 0.01`,
			Numbers: Busy | Full,
		},
		{
			Name:    "errors by operation",
			About:   "Failures a second, by operation and SQLSTATE.",
			PromQL:  `sum by (pool, operation, error_type) (rate(db_query_duration_seconds_count{error_type!=""}[5m])) > 0`,
			Numbers: Busy | Full,
		},
	}
}

// quantile returns a quantile of a histogram, classic or native, in the last five minutes.
func quantile(q, by, histogram string) string {
	return `histogram_quantile(` + q + `, sum by (le, ` + by + `) (rate(` + histogram + `_bucket[5m]))) or ` +
		`histogram_quantile(` + q + `, sum by (` + by + `) (rate(` + histogram + `[5m])))`
}
