// Package diagnose describes in words what is wrong with a connection pool: the cause, the guilty unit of work or
// operation, the numbers that support this, and what to do.
//
// [Findings] is a pure function of a [Report], which the method Report of otelpool.Instrumentation returns. Neither
// queries the database.
//
// [Server] does. Over a connection of its own, it adds to a Report which sessions wait for locks of which others, and
// which clients have the server's connections.
package diagnose
