// Package hostile attacks the instrumentation and the exporters: harmful input, hooks of the user's that panic, block
// or call the pool, life cycles in any order, long runs, and a search for secrets in all output.
//
// Prometheus' own parser reads the pages, and goleak checks for leaked goroutines.
package hostile
