// Package pgbouncer runs a PgBouncer for tests. If the machine has none, it downloads the package of Debian or a derived
// distribution and its dependencies into a cache folder. It installs nothing and does not need root.
package pgbouncer
