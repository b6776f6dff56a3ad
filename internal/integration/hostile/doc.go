// Package hostile attacks the instrumentation and the exporters: input that means harm, hooks of the user's that panic,
// block or come back, life cycles in any order, long runs, and a search for secrets on everything that shows.
//
// Prometheus' own parser reads the pages, and goleak counts the goroutines.
package hostile
