// Package rig has the parts of the fault tests: pools with and without otelpool side by side, and a load on them that
// counts its own calls. It compares those counts with the metrics.
package rig
