// Package fleet is a load test of the receivers of metrics from many instances: one Collector and one Prometheus on
// this machine.
//
// [Record] records the OTLP pushes of a real program with an instrumented pool. [Run] sends the recording for a
// growing number of instances. Each instance has its own connection and service.instance.id, and sends current
// timestamps. At each step Run measures the receivers' resources and the duration of pushes and scrapes. It ends by
// itself: when the time or the memory is used up, or when the receivers are too slow.
package fleet
