// Package pgbouncer brings and runs a PgBouncer for tests.
//
// [Find] looks for the program at the variable named by [BinEnv], in PATH, in the folders of packages and in a cache
// folder. Where there is none, on Debian and its kin, [Fetch] downloads the distribution's package and what that needs
// into the cache folder; it installs nothing and need not be root.
package pgbouncer
