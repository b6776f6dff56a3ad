// Package e2e holds the tests that follow a number from a pool on a real PostgreSQL to the answer of a query, with
// Prometheus' own parsers, storage and query engine at the far end, in a module of its own so that users of otelpool
// never see Prometheus in their go.mod.
//
// The version of Prometheus is the newest whose go directive is no higher than this project's and whose own
// dependencies are all to be had, so that go mod tidy works.
package e2e
