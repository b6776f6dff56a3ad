// Package diagnose says in words what is wrong with a connection pool: which unit of work or operation is guilty, on which
// numbers that rests, and what to do.
//
// [Findings] is a pure function of a [Report], which Report of otelpool.Instrumentation returns. It asks no database.
//
// [Server] does: over a connection of its own it adds to a Report who waits for a lock of whom, and who has the server's
// connections.
package diagnose
