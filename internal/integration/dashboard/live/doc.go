// Package live runs what a dashboard shows: the demo, under its changing load, and a Prometheus that scrapes it every second.
package live
