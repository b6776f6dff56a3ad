// Package expressions is the PromQL of this project's documentation: the expressions that the documented metrics were
// made for, as they were first written, and those to use in their place. What is published is compared with these
// tables, and the tables with a real pool.
package expressions

import "strings"

// State is a set of situations of a pool of base size 5 that may overflow by 10.
type State uint8

const (
	// Fresh is a pool that has not been used yet: it has no connections.
	Fresh State = 1 << iota
	// AtBase is a pool whose base size, and no more, is in use.
	AtBase
	// Busy is a pool of which all connections but one are in use, after an hour of full load.
	Busy
	// Full is a pool of which all connections are in use, while callers wait and one has given up waiting.
	Full
	// Spent is a pool that was not used for an hour after all that: its connections are open and idle.
	Spent
)

// Never and Always are no state and every state.
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
	// About says in a sentence or two what the expression is for; in the table Guide, also where it goes wrong.
	About string
	// PromQL is the expression itself.
	PromQL string
	// Numbers are the states in which it gives a number; it gives nothing, or only NaN, in the others.
	Numbers State
	// Instead names the expression of the table Corrected to use in place of one of Guide, its own where it stands.
	Instead string
}
