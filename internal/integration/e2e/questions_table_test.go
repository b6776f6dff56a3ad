package e2e_test

// questions are the queries that correctedExpressions lacks.
var questions = []expression{
	{
		name:    "peak usage",
		about:   "The most connections in use at any moment of the last one to two minutes, in percent of the capacity. No spike is too short.",
		promQL:  `100 * db_pool_peak / db_pool_max`,
		numbers: throughout,
	},
	{
		name:    "full at the peak",
		about:   "Pools that were full at some moment of the last hour, though samples of db_pool_checked_out may not show it.",
		promQL:  `max_over_time(db_pool_peak[1h]) >= db_pool_max`,
		numbers: filled | spike,
	},
	{
		name:    "overflow opened",
		about:   "Connections opened beyond the base size, a second: each costs its caller a dial.",
		promQL:  `rate(db_pool_overflow_opened_total[5m]) > 0`,
		numbers: filled | spike,
	},
	{
		name:    "queue time",
		about:   "Mean time that an acquire waited for a connection to come back: the part of its time that means saturation.",
		promQL:  `sum by (pool) (rate(db_pool_acquire_phase_seconds_total{phase="queue"}[5m])) / sum by (pool) (rate(db_pool_acquires_total[5m]))`,
		numbers: throughout,
	},
	{
		name:    "acquire phases",
		about:   "Where acquires spend their time, in seconds a second: in the queue, dialing, pinging, or in PrepareConn.",
		promQL:  `sum by (pool, phase) (rate(db_pool_acquire_phase_seconds_total[5m]))`,
		numbers: throughout,
	},
	{
		name:    "failed acquires",
		about:   "Acquires without a connection, a second, by result: timeout, canceled or error.",
		promQL:  `sum by (pool, result) (rate(db_pool_acquires_total{result!="ok"}[5m])) > 0`,
		numbers: filled,
	},
	{
		name:    "acquire rate",
		about:   "Acquires a second of each process: the rate of the formulas.",
		promQL:  `sum by (job, instance, pool) (rate(db_pool_acquires_total[1h]))`,
		numbers: throughout,
	},
	{
		name:    "fleet",
		about:   "What all processes together may open, to hold against max_connections of the server.",
		promQL:  `sum(db_pool_max)`,
		numbers: throughout,
	},
	{
		name:    "holders",
		about:   "Who needs the pool: connections in use on average, by unit of work: the name of the acquire or its scope, else what it runs first.",
		promQL:  `topk(5, sum by (pool, operation) (rate(db_pool_hold_duration_seconds_sum[5m])) > 0)`,
		numbers: throughout,
	},
	{
		name:    "p95 hold by operation",
		about:   "What 95 % of the holds of an operation stay under.",
		promQL:  quantile("0.95", "pool, operation", "db_pool_hold_duration_seconds"),
		numbers: throughout,
	},
	{
		name: "connections needed",
		about: "The connections that the load of the last hour needs in each process: its load, the connections in use on average, and " +
			"twice the square root of that to spare.",
		promQL:  `ceil(` + hourlyLoad + ` + 2 * sqrt(` + hourlyLoad + `))`,
		numbers: throughout,
	},
	{
		name:    "mean hold",
		about:   "Mean time from Acquire to Release in each process: the hold time of the formulas.",
		promQL:  `sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_sum[1h])) / sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_count[1h]))`,
		numbers: throughout,
	},
	{
		name:    "busy share",
		about:   "The share of the hold time in which the database worked. Near 1: the queries are slow, or many. Well below: connections are held idle.",
		promQL:  `sum by (pool) (rate(db_pool_busy_seconds_total[5m])) / sum by (pool) (rate(db_pool_hold_duration_seconds_sum[5m]))`,
		numbers: throughout,
	},
	{
		name:    "query time",
		about:   "Where the database's time goes: seconds of running queries a second, by operation. A fast query that runs often is on top as well.",
		promQL:  `topk(10, sum by (pool, operation) (rate(db_query_duration_seconds_sum[5m])) > 0)`,
		numbers: throughout,
	},
	{
		name:    "oldest hold",
		about:   "Age of the longest hold of each process, in seconds. A leak rises and does not fall.",
		promQL:  `topk(5, db_pool_oldest_hold_seconds)`,
		numbers: throughout,
	},
	{
		name:    "never at rest",
		about:   "Connections that did not come back within half an hour, if there was a moment without work.",
		promQL:  `min_over_time(db_pool_checked_out[30m]) > 0`,
		numbers: leak,
	},
	{
		name:    "long holds",
		about:   "Holds that passed the limit of WithLongHold within ten minutes.",
		promQL:  `increase(db_pool_long_holds_total[10m]) > 0`,
		numbers: leak,
	},
	{
		name:    "closed on release",
		about:   "Connections that were released in a transaction, or with rows or a batch not closed, and that pgx closed therefore.",
		promQL:  `sum by (pool, reason) (increase(db_pool_connections_closed_total{reason=~"in_transaction|busy"}[10m])) > 0`,
		numbers: misuse,
	},
	{
		name:    "nested acquires",
		about:   "Acquires by a request that held a connection of the same pool already. Under load it is a deadlock.",
		promQL:  `increase(db_pool_nested_acquires_total[10m]) > 0`,
		numbers: misuse,
	},
}

// hourlyLoad is the number of connections in use on average of an hour, by Little's law.
const hourlyLoad = `sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_sum[1h]))`
