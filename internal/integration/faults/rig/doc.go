// Package rig is what the fault tests are made of: pools with and without otelpool side by side, a load on them that
// keeps its own books, and the comparison of those books with what was measured.
package rig
