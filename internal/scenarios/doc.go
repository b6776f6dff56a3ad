// Package scenarios proves what package diagnose concludes. Its tests run a small shop on a real PostgreSQL server, whose pool
// is instrumented by otelpool. After a healthy time something goes wrong, and is repaired. The table scenarios has what goes
// wrong, each row with the finding that must come first.
package scenarios
