package e2e_test

import "strings"

// state is a set of situations of a pool of base size 5 that may overflow by 10.
type state uint16

// The situations of timeline, in their order.
const (
	// fresh is a pool before its first use, without connections.
	fresh state = 1 << iota
	// atBase is a pool with exactly its base size in use.
	atBase
	// busy is a pool with all connections but one in use, after an hour of full load.
	busy
	// full is a pool with all connections in use, while callers wait and after one has timed out.
	full
	// spent is the same pool after an hour without use: its connections are open and idle.
	spent

	// calm is a pool with a light load. It and the following are the situations of troubledService.
	calm
	// filled is a pool that one operation fills repeatedly. It is full now: callers wait, and one has timed out.
	filled
	// spike is a pool with all connections in use for a moment between two scrapes.
	spike
	// leak is a pool with a light load and a connection that is never released.
	leak
	// misuse is a pool whose callers leave transactions open and acquire a second connection while they hold one.
	misuse
)

// always and throughout are the sets of all situations of timeline and of troubledService.
const (
	always     = fresh | atBase | busy | full | spent
	throughout = calm | filled | spike | leak | misuse
)

// String lists the situations.
func (s state) String() string {
	var names []string
	for i, name := range []string{"fresh", "at base", "busy", "full", "spent", "calm", "filled", "spike", "leak", "misuse"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// expression is a PromQL expression on the documented metrics.
type expression struct {
	// name is unique in its table, and among correctedExpressions and questions.
	name string
	// about says in a sentence or two what the expression is for. In guideExpressions it also says where the
	// expression is wrong.
	about string
	// promQL is the expression itself.
	promQL string
	// numbers is the set of situations in which it returns a number. In the others it returns no series or only NaN.
	numbers state
	// instead is the name of the expression in correctedExpressions that replaces one of guideExpressions. It is the
	// same name if the expression is right.
	instead string
}
