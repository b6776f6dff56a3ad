// Package e2e tests the whole path of a number from a pool on a real PostgreSQL to the answer of a query. At the
// other end are Prometheus' own parsers, storage and query engine.
package e2e
