// Package postgres runs a throwaway PostgreSQL server for the demo and the tests.
//
// [Start] finds the server's programs on the machine and makes a data directory, from a cached template where
// possible. It starts the server on a free loopback port and a private unix socket. The server never outlives its
// process: [Server.Stop] ends it and removes its directory. If the process that started it dies in any other way,
// SIGKILL included, the kernel ends the server, and a small watchdog removes the directory. Only Linux has such a
// kernel. On other systems the server ends within about a minute, when it finds that its directory is gone.
//
// Data is not kept, and durability is off. All exported functions and methods are safe for concurrent use.
package postgres
