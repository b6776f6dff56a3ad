// Package sizing calculates the size of a connection pool from its measured load.
//
// It consists of pure functions that use the standard library only and are safe for concurrent use. An invalid number is
// an error that names it, and nothing panics.
//
// # The average
//
// [Load.SizeForAverage] is the common rule of thumb,
//
//	size = ⌈rate × hold × (1 + buffer)⌉
//
// It follows from Little's law, L = λW: on average, rate × hold connections are in use. W is the time for which an
// acquire takes a connection: it is dialed, pinged or prepared, and then held, from the end of Acquire to Release. The
// time of the queries is only a part of that: a connection is also in use between the queries of a transaction, and between
// the rows of a result. With the time of queries the formula returns too small a pool.
//
// The number in use exceeds its average much of the time, and then callers wait. For 100 acquires a second, holds of 50 ms
// and a buffer of 20 %, the size is 6. With 6 connections 59 % of the acquires wait, and one in a hundred waits longer than
// 200 ms.
//
// # The goal
//
// [Load.SizeForGoal] returns the smallest size with which a given share of the acquires waits no longer than a given time.
// [Load.At] returns the waits for a given size. The model of the pool is the queue M/M/c: c connections and one line of
// callers, first come, first served, as in pgxpool. With the offered load a = rate × hold and c > a
//
//	B(0) = 1,  B(c) = a·B(c-1) / (c + a·B(c-1))                Erlang B
//	C      = c·B(c) / (c - a·(1 - B(c)))                       Erlang C, the probability that an acquire waits
//	D      = hold / (c - a) × (1 + CV²) / 2                    mean wait of the acquires that wait
//	P(W>t) = C · exp(-t/D)                                     probability of a wait longer than t
//	W(p)   = D · ln(C / (1 - p)), at least 0                   quantile p of the wait
//	E(W)   = C · D                                             mean wait
//	L      = rate × E(W)                                       mean number of waiting callers
//
// The recursion of Erlang B has no factorials and no differences, so it stays exact for thousands of connections.
//
// The queue M/M/c assumes that
//
//   - acquires are independent of each other (Poisson). Those of many independent users are. Those of a job that starts
//     fifty goroutines together are not: it needs that many connections, or its goroutines wait;
//   - hold times are independent of each other and of the size, and exponentially distributed, CV = 1. If a larger pool
//     makes the database slower, hold times grow: measure again after a change;
//   - the rate lasts long enough to settle. An average over a day hides its busiest hour: calculate with that hour;
//   - no caller gives up. If acquires time out, the real waits are shorter than the calculated ones. The rate must include
//     the acquires that fail.
//
// The wait is the time until a connection is released, without the time to dial or to ping one.
//
// CV is the coefficient of variation of the hold times, standard deviation over mean. A mix of short and long holds has a
// CV above 1 and longer waits than exponential holds. The factor (1 + CV²) / 2 of Allen and Cunneen accounts for it. With
// CV = 1 it is 1 and everything above is exact; otherwise it is an approximation. It was simulated for goals of 99 %, waits
// of 0.1 to 2 hold times, 0.5 to 50 connections in use, and CVs of 2 and 4. The size was always sufficient, and at most 4
// connections too large; without the factor up to 6 were missing. C itself is up to 15 % too small. A CV below 1 counts as
// 1: the factor would be too optimistic there, while the plain formula returns at most 3 connections too many.
//
// # The fleet
//
// [Fleet] compares the pools of all instances with the connections of the server:
//
//	left = max_connections - reserved - other clients - instances × (size + overflow)
//
// # Sources
//
//   - J. D. C. Little, A Proof for the Queuing Formula: L = λW, Operations Research 9 (1961)
//   - D. Gross, J. F. Shortle, J. M. Thompson, C. M. Harris, Fundamentals of Queueing Theory, 4th edition, Wiley 2008,
//     chapter 2: the queue M/M/c
//   - A. O. Allen, Probability, Statistics, and Queueing Theory, 2nd edition, Academic Press 1990: the formula of Allen and
//     Cunneen; W. Whitt, Approximations for the GI/G/m Queue, Production and Operations Management 2 (1993), and
//     H. C. Tijms, A First Course in Stochastic Models, Wiley 2003, chapter 9, on its accuracy
//   - PostgreSQL, Connections and Authentication, https://www.postgresql.org/docs/current/runtime-config-connection.html
package sizing
