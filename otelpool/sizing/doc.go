// Package sizing calculates how large a connection pool has to be, from the load that was measured on it.
//
// It is arithmetic only: pure functions of the standard library, safe for concurrent use. A number that makes no sense is
// an error that names it, and nothing panics.
//
// # The average
//
// [Load.SizeForAverage] is the common rule of thumb,
//
//	size = ⌈rate × hold × (1 + buffer)⌉
//
// It rests on Little's law, L = λW: on average, rate × hold connections are in use. W is the time that a connection is
// held, from the end of Acquire to Release. The time of the queries is only a part of that: what the program does between
// the queries of a transaction, or between the rows of a result, keeps the connection from others just as well. With the
// time of queries the formula gives too small a pool.
//
// An average is exceeded a good part of the time, and then callers wait. 100 acquires a second that hold for 50 ms, with
// a buffer of 20 %, give 6; with 6 connections 59 % of the acquires wait, one in a hundred longer than 200 ms.
//
// # The goal
//
// [Load.SizeForGoal] is the smallest size with which a given share of the acquires waits no longer than a given time, and
// [Load.At] says how callers would fare with a given size. The pool is taken for the queue M/M/c: c connections, one line
// of callers, first come, first served, as pgxpool serves them. With the offered load a = rate × hold and c > a
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
// The queue M/M/c supposes that
//
//   - acquires come independently of each other (Poisson). Many users who do not know of each other are like that; a job
//     that starts fifty goroutines at once is not, and needs as many connections as it starts or the patience to wait;
//   - hold times are independent of each other and of the size, and spread exponentially, CV = 1. If a larger pool makes
//     the database slower, hold times grow with it: measure again after a change;
//   - the rate lasts long enough to settle. An average over a day hides its busiest hour: calculate with that;
//   - nobody gives up. Where acquires time out, the real waits are shorter than these, and the rate is that of all
//     acquires, not of the successful ones.
//
// The wait is that for a connection to be released. The time to dial or to ping one comes on top.
//
// CV is the coefficient of variation of the hold times, standard deviation over mean. A mix of short and long holds has a
// CV above 1 and waits longer than exponential ones. The factor (1 + CV²) / 2 of Allen and Cunneen accounts for it; with
// CV = 1 it is 1 and everything above is exact, otherwise it is an approximation. In simulations of goals of 99 %, waits of
// 0.1 to 2 hold times, 0.5 to 50 connections in use, and CVs of 2 and 4, the size found with it was always enough, and at
// most 4 connections more than needed; without it up to 6 were missing. C itself comes out up to 15 % too small. A CV below
// 1 counts as 1: there the factor promises too much, while the plain formula errs on the safe side, by 3 connections at most.
//
// # The fleet
//
// [Fleet] holds the pools of all instances against what the server allows:
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
//     H. C. Tijms, A First Course in Stochastic Models, Wiley 2003, chapter 9, on how far it carries
//   - PostgreSQL, Connections and Authentication, https://www.postgresql.org/docs/current/runtime-config-connection.html
package sizing
