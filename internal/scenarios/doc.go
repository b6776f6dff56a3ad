// Package scenarios tests the findings of package diagnose. Its tests run a small shop on a real PostgreSQL server,
// with a pool instrumented by otelpool. After a healthy time something goes wrong, and is repaired. Each row of the
// table scenarios has one trouble, and the finding that must come first.
package scenarios
