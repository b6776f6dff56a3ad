// Package fleet is a load test of what receives the metrics of many instances: one Collector and one Prometheus on this
// machine.
//
// [Record] takes down what a real program with an instrumented pool pushes over OTLP, push by push. [Run] sends that
// recording in the name of more and more instances, each on a connection of its own, with its own service.instance.id
// and the time of sending, and measures at each step what the receivers use and how long pushes and scrapes take. It
// ends by itself: when the time is up, when memory is, or when the receivers no longer keep up.
package fleet
