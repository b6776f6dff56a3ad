// Package postgres runs a throwaway PostgreSQL server for the demo and the tests.
//
// [Start] finds the server's programs on the machine, makes a data directory (from a cached template where it can), and
// starts a server of its own on a free loopback port and a private unix socket. The server is never left behind:
// [Server.Stop] ends it and removes its directory, and when the process that started it dies in whatever way, SIGKILL
// included, the kernel and a small watchdog do the same.
//
// Data is not kept and durability is switched off. All exported functions and methods are safe for concurrent use.
package postgres
