// Package poolstate is the state of one connection pool: acquires and their phases, slots and waiters, holds, scopes,
// connections, and the peaks of a window.
//
// The owner of a [Pool] reports the events of a real pool to it: an acquire begins, a connection is released, a call
// ends. Each method returns what happened, such as how long the acquire waited, so that the owner can record it. The
// package records nothing, reports nothing and logs nothing. [Pool.Reconcile] compares the state with the pool's own
// statistics; [Pool.Snapshot] reads without changing anything.
//
// The package imports the standard library only, and its clock is injected, so its rules can be tested without a
// database. All exported functions and methods are safe for concurrent use, except where a method of [Conn] says that
// only the owner of the connection may call it.
package poolstate
