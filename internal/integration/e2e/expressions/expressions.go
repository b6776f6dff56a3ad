// Package expressions holds the PromQL of this project's documentation: the expressions of the older SQLAlchemy guide, from
// which the documented metrics have their names, and the expressions to use instead. Tests compare the documents with
// these tables, and the tables with a real pool.
package expressions

import "strings"

// State is a set of situations of a pool of base size 5 that may overflow by 10.
type State uint8

const (
	// Fresh is a pool before its first use, without connections.
	Fresh State = 1 << iota
	// AtBase is a pool with exactly its base size in use.
	AtBase
	// Busy is a pool with all connections but one in use, after an hour of full load.
	Busy
	// Full is a pool with all connections in use, while callers wait and after one has timed out.
	Full
	// Spent is the same pool after an hour without use: its connections are open and idle.
	Spent
)

// Never and Always are the empty set and the set of all states.
const (
	Never  State = 0
	Always       = Fresh | AtBase | Busy | Full | Spent
)

// String lists the states.
func (s State) String() string {
	if s == Never {
		return "never"
	}
	var names []string
	for i, name := range []string{"fresh", "at base", "busy", "full", "spent"} {
		if s&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, ", ")
}

// Expression is a PromQL expression on the documented metrics.
type Expression struct {
	// Name is unique in its table.
	Name string
	// About says in a sentence or two what the expression is for. In the table Guide it also says where the
	// expression is wrong.
	About string
	// PromQL is the expression itself.
	PromQL string
	// Numbers is the set of states in which it returns a number. In the others it returns no series or only NaN.
	Numbers State
	// Instead is the name of the expression in Corrected that replaces one of Guide. It is the same name if the
	// expression is right.
	Instead string
}
