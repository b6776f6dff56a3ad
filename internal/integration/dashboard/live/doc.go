// Package live runs the source of a dashboard's data: the demo under its changing load, and a Prometheus that scrapes
// it every second.
package live
