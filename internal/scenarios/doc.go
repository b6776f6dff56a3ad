// Package scenarios proves what package diagnose concludes. It runs a small shop on a real PostgreSQL server, whose pool is
// instrumented by otelpool. After a healthy time something goes wrong, and is repaired.
//
// [Scenarios] is the table of what goes wrong, each row with the finding that must come first. [Run] runs one row.
package scenarios
