// Package hostile attacks the instrumentation and the exporters: input that means harm, hooks of the user's that panic,
// block or come back, life cycles in any order, long runs, and a search for secrets on everything that shows.
//
// It is a module of its own because pages are read by Prometheus' own parser, and goroutines counted by goleak.
package hostile
