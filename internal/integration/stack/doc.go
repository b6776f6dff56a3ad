// Package stack runs the programs around an instrumented service side by side, without containers: the demo on its
// database, an OpenTelemetry Collector with the shipped configuration, and Prometheus with the shipped rules.
//
// [Run] is what `make stack` does. Its parts, [StartCollector], [StartPrometheus] and [Start], are for the tests of the
// shipped configurations and for the load test of a fleet; each starts a real program and says why where that fails.
//
// Nothing that is started is left behind: Stop ends a program, and on Linux the kernel does when the process that
// started it dies in whatever way. Addresses are loopback ones unless the user gives others. All functions and methods
// are safe for concurrent use.
package stack
