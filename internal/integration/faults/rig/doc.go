// Package rig has parts of the fault tests: pools with and without otelpool, and a load that counts its own calls. It
// compares these counts with the metrics.
package rig
