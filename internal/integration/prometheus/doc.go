// Package prometheus tests this project's configuration, rules and alerts with Prometheus and promtool. The go.mod of
// this folder's module pins their versions.
package prometheus
