// Package prometheus pins the Prometheus and the promtool that this project's configuration, rules and alerts are tried
// with, and holds the tests that do it, in a module of its own so that users of otelpool never see Prometheus in their
// go.mod.
package prometheus
