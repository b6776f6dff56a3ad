// Package stack runs the programs around an instrumented service side by side, without containers: the demo and its
// database, an OpenTelemetry Collector with the shipped configuration, and Prometheus with the shipped rules.
//
// [Run] is the code of `make stack`. Its parts, [StartCollector], [StartPrometheus] and [Start], are for the tests of
// the shipped configurations and for the load test of a fleet. Each starts a real program and returns an error with
// the reason if that fails.
//
// No program outlives its parent. Stop ends a program. On Linux the kernel ends it if the process that started it
// dies. Addresses are loopback addresses unless the user sets others. All functions and methods are safe for
// concurrent use.
package stack
