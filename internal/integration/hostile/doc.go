// Package hostile attacks the instrumentation and the exporters. It tests harmful input, user hooks that
// panic, block or call the pool, life cycles in any order, and long runs. It also searches all output for secrets.
//
// Prometheus' own parser reads the pages, and goleak checks for leaked goroutines.
package hostile
