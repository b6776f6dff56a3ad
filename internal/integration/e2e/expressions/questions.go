package expressions

import "strings"

// Trouble is a set of situations of a pool of size 5 and overflow 10. All but the first are troubles.
type Trouble uint8

const (
	// Calm is a pool with a light load.
	Calm Trouble = 1 << iota
	// Filled is a pool that one operation fills repeatedly. It is full now: callers wait, and one has timed out.
	Filled
	// Spike is a pool with all connections in use for a moment between two scrapes.
	Spike
	// Leak is a pool with a light load and a connection that is never released.
	Leak
	// Misuse is a pool whose callers leave transactions open and acquire a second connection while they hold one.
	Misuse
)

// Throughout is the set of all situations.
const Throughout = Calm | Filled | Spike | Leak | Misuse

// String lists the situations.
func (t Trouble) String() string {
	var names []string
	for i, name := range []string{"calm", "filled", "spike", "leak", "misuse"} {
		if t&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Question is a query that finds a trouble and is not in Corrected.
type Question struct {
	// Name is unique, also among the names of Corrected.
	Name string
	// About says in a sentence or two what the answer means.
	About string
	// PromQL is the query.
	PromQL string
	// Numbers is the set of situations in which it returns a number. In the others it returns no series or only NaN.
	Numbers Trouble
}

// Questions returns the queries that Corrected lacks.
func Questions() []Question {
	return append(aboutUse(), aboutHolds()...)
}

// aboutUse returns the questions about the use of a pool.
func aboutUse() []Question {
	return []Question{
		{
			Name:    "peak usage",
			About:   "The most connections in use at any moment of the last one to two minutes, in percent of the capacity. No spike is too short.",
			PromQL:  `100 * db_pool_peak / db_pool_max`,
			Numbers: Throughout,
		},
		{
			Name:    "full at the peak",
			About:   "Pools that were full at some moment of the last hour, though samples of db_pool_checked_out may not show it.",
			PromQL:  `max_over_time(db_pool_peak[1h]) >= db_pool_max`,
			Numbers: Filled | Spike,
		},
		{
			Name:    "overflow opened",
			About:   "Connections opened beyond the base size, a second: each costs its caller a dial.",
			PromQL:  `rate(db_pool_overflow_opened_total[5m]) > 0`,
			Numbers: Filled | Spike,
		},
		{
			Name:    "queue time",
			About:   "Mean time that an acquire waited for a connection to come back: the part of its time that means saturation.",
			PromQL:  `sum by (pool) (rate(db_pool_acquire_phase_seconds_total{phase="queue"}[5m])) / sum by (pool) (rate(db_pool_acquires_total[5m]))`,
			Numbers: Throughout,
		},
		{
			Name:    "acquire phases",
			About:   "Where acquires spend their time, in seconds a second: in the queue, dialing, pinging, or in PrepareConn.",
			PromQL:  `sum by (pool, phase) (rate(db_pool_acquire_phase_seconds_total[5m]))`,
			Numbers: Throughout,
		},
		{
			Name:    "failed acquires",
			About:   "Acquires without a connection, a second, by result: timeout, canceled or error.",
			PromQL:  `sum by (pool, result) (rate(db_pool_acquires_total{result!="ok"}[5m])) > 0`,
			Numbers: Filled,
		},
		{
			Name:    "acquire rate",
			About:   "Acquires a second of each process: the rate of the formulas.",
			PromQL:  `sum by (job, instance, pool) (rate(db_pool_acquires_total[1h]))`,
			Numbers: Throughout,
		},
		{
			Name:    "fleet",
			About:   "What all processes together may open, to hold against max_connections of the server.",
			PromQL:  `sum(db_pool_max)`,
			Numbers: Throughout,
		},
	}
}

// load is the number of connections in use on average of an hour, by Little's law.
const load = `sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_sum[1h]))`

// aboutHolds returns the questions about who holds the connections.
func aboutHolds() []Question {
	return []Question{
		{
			Name:    "holders",
			About:   "Who needs the pool: connections in use on average, by unit of work: the name of the acquire or its scope, else what it runs first.",
			PromQL:  `topk(5, sum by (pool, operation) (rate(db_pool_hold_duration_seconds_sum[5m])) > 0)`,
			Numbers: Throughout,
		},
		{
			Name:    "p95 hold by operation",
			About:   "What 95 % of the holds of an operation stay under.",
			PromQL:  quantile("0.95", "pool, operation", "db_pool_hold_duration_seconds"),
			Numbers: Throughout,
		},
		{
			Name: "connections needed",
			About: "The connections that the load of the last hour needs in each process: its load, the connections in use on average, and " +
				"twice the square root of that to spare.",
			PromQL:  `ceil(` + load + ` + 2 * sqrt(` + load + `))`,
			Numbers: Throughout,
		},
		{
			Name:    "mean hold",
			About:   "Mean time from Acquire to Release in each process: the hold time of the formulas.",
			PromQL:  `sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_sum[1h])) / sum by (job, instance, pool) (rate(db_pool_hold_duration_seconds_count[1h]))`,
			Numbers: Throughout,
		},
		{
			Name:    "busy share",
			About:   "The share of the hold time in which the database worked. Near 1: the queries are slow, or many. Well below: connections are held idle.",
			PromQL:  `sum by (pool) (rate(db_pool_busy_seconds_total[5m])) / sum by (pool) (rate(db_pool_hold_duration_seconds_sum[5m]))`,
			Numbers: Throughout,
		},
		{
			Name:    "query time",
			About:   "Where the database's time goes: seconds of running queries a second, by operation. A fast query that runs often is on top as well.",
			PromQL:  `topk(10, sum by (pool, operation) (rate(db_query_duration_seconds_sum[5m])) > 0)`,
			Numbers: Throughout,
		},
		{
			Name:    "oldest hold",
			About:   "Age of the longest hold of each process, in seconds. A leak rises and does not fall.",
			PromQL:  `topk(5, db_pool_oldest_hold_seconds)`,
			Numbers: Throughout,
		},
		{
			Name:    "never at rest",
			About:   "Connections that did not come back within half an hour, if there was a moment without work.",
			PromQL:  `min_over_time(db_pool_checked_out[30m]) > 0`,
			Numbers: Leak,
		},
		{
			Name:    "long holds",
			About:   "Holds that passed the limit of WithLongHold within ten minutes.",
			PromQL:  `increase(db_pool_long_holds_total[10m]) > 0`,
			Numbers: Leak,
		},
		{
			Name:    "closed on release",
			About:   "Connections that were released in a transaction, or with rows or a batch not closed, and that pgx closed therefore.",
			PromQL:  `sum by (pool, reason) (increase(db_pool_connections_closed_total{reason=~"in_transaction|busy"}[10m])) > 0`,
			Numbers: Misuse,
		},
		{
			Name:    "nested acquires",
			About:   "Acquires by a request that held a connection of the same pool already. Under load it is a deadlock.",
			PromQL:  `increase(db_pool_nested_acquires_total[10m]) > 0`,
			Numbers: Misuse,
		},
	}
}
