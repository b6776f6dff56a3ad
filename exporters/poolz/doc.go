// Package poolz serves a page that says what the connection pools of a program do right now, and what is wrong with them:
// the findings of package diagnose in words, who holds connections, who waits, which operations take the time, and plots of
// the last ten minutes. It asks no database unless [WithServerView] says so, and loads nothing from elsewhere. With
// JavaScript the page renews itself once a second while its tab is visible, draws the plots, and sorts and filters tables. It
// works without, too.
//
//	http.Handle("/debug/pool/", poolz.Handler([]*otelpool.Instrumentation{inst}))
//
// Below the path that it is mounted at, which has to end in a slash, it serves
//
//	(nothing)    the page, which renews itself; with ?pause it does not; #pool-NAME is the pool of that name
//	report.json  a [Document], described by report.schema.json beside this file
//	history.json the last ten minutes, a moment a second, a [History], described by history.schema.json
//	report.txt   the findings as text, for a ticket or a terminal
//
// The page also loads its style and scripts from there. In [http.ServeMux] a pattern that ends in a slash matches all of
// these. Other routers need another pattern, such as chi's "/debug/pool/*". If it matches the page alone, the page has no
// style and no plots.
//
// examples/doctor prints the findings of a report.json, once or again and again.
//
// With [WithTraceLink] the trace ids of holds are links. With [WithServerView] the page has a link to ask PostgreSQL who waits
// for a lock of whom: below ?server it is asked every five seconds while the page is open, and never otherwise.
//
// # Access
//
// The page shows names of operations, stacks and settings of the program. It has no SQL text, argument or connection string.
// It belongs on an admin port. Unless [WithAccess] says otherwise, it is served only on the machine itself: the connection has
// to come from a loopback address, the Host header has to be localhost or a loopback address, as it is not for a page
// elsewhere whose name was made to resolve to this machine, and no header may say that a proxy passed the request on
// (Forwarded, X-Forwarded-For and others, X-Real-IP, Via).
//
// What cannot be seen is a proxy on the same machine that adds no such header and sends a Host of its own. nginx does that
// with proxy_pass http://127.0.0.1 and nothing else. Nor can a tunnel be seen, as by ssh -L or kubectl port-forward,
// but who opens one has access to the machine. Where such a proxy runs, set WithAccess, or do not let it pass the path on.
// A request by a Unix socket has no address, and is refused.
//
// # Cost
//
// From the call of [Handler] on each pool keeps its last ten minutes, which takes some 80 kB a pool and no goroutine. Nothing
// else runs while the page is closed. All viewers share one report a second of each pool, and one rendering of it, and one
// answer of the server in five seconds. A response is complete in memory, once for all viewers, before it is written, so a slow
// viewer delays no other.
package poolz
