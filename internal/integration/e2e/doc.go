// Package e2e holds the tests that follow a number from a pool on a real PostgreSQL to the answer of a query, with
// Prometheus' own parsers, storage and query engine at the far end.
package e2e
