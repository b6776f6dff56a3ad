// Package faults holds tests of what otelpool does when what it stands between goes wrong: the database (database), what
// consumes the metrics (consumer), and whether a pool behaves in all of pgx's own scenarios as it does without otelpool
// (parity). They run real servers and break them, which takes minutes and needs a fault-injecting proxy.
//
// The tests of a package run one after the other, and the packages should, too (go test -p 1): they compare times, and
// look at all goroutines of the process.
package faults
