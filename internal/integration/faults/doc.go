// Package faults tests otelpool while its surroundings fail: the database (database) and the consumers of the metrics
// (consumer). It also checks that a pool behaves in all scenarios of pgx's own tests as it does without otelpool
// (parity). The tests run real servers and break them, which takes minutes and needs a fault-injecting proxy.
//
// The tests of a package run in sequence. Run the packages in sequence too (go test -p 1): they compare times, and
// check all goroutines of the process.
package faults
