// Package collectortest holds the tests of the Collector's configurations in collector-config: the real Collector checks
// them, and runs them between a pool on a real PostgreSQL and a real Prometheus. What comes out is compared with the page
// of the bridge in exporters/prometheus for the same pool.
package collectortest
