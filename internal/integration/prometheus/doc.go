// Package prometheus holds the tests that try this project's configuration, rules and alerts with Prometheus and
// promtool, in the versions that the go.mod of this folder's module pins.
package prometheus
