// Package collectortest tests the Collector's configurations in collector-config. The real Collector checks them and
// runs them between a pool on a real PostgreSQL and a real Prometheus. The tests compare the result with the page of
// the bridge in exporters/prometheus for the same pool.
package collectortest
