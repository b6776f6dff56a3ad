// Package exporters shows how one MeterProvider pushes over OTLP and serves a page for Prometheus.
package exporters
