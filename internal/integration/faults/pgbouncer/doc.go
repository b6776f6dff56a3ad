// Package pgbouncer finds or fetches PgBouncer, and runs it for tests.
//
// [Find] searches the variable [BinEnv], PATH, the folders of packages and a cache folder. If it finds no PgBouncer
// on Debian or a derived distribution, [Fetch] downloads the distribution's package and its dependencies into the
// cache folder. Fetch installs nothing and does not need root.
package pgbouncer
