// Package postgres runs a throwaway PostgreSQL server for the demo and the tests.
//
// [Start] finds the server's programs on the machine and makes a data directory, from a cached template where
// possible. It starts the server on a free loopback port and a private unix socket. The server never outlives its
// process: [Server.Stop] ends it and removes its directory. If the process that started it dies in any other way,
// SIGKILL included, the kernel and a small watchdog do the same.
//
// Data is not kept, and durability is off. All exported functions and methods are safe for concurrent use.
package postgres
