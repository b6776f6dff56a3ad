// Package poolz serves a page that shows what the connection pools of a program are doing, and what is wrong with them:
// the findings of package diagnose, the holders of connections, the waiting callers, the operations that take most
// time, and plots of the last ten minutes. It does not query the database unless [WithServerView] is set, and loads
// nothing from other hosts. With JavaScript the page updates itself once a second while its tab is visible, draws the
// plots, and sorts and filters tables. Without JavaScript it reloads itself every two seconds, and has no plots.
//
//	http.Handle("/debug/pool/", poolz.Handler([]*otelpool.Instrumentation{inst}))
//
// Below the path where it is mounted, which must end in a slash, it serves
//
//	(nothing)    the page; ?pause stops its updates; #pool-NAME is the pool of that name
//	report.json  a [Document], described by report.schema.json next to this file
//	history.json the last ten minutes, one moment per second, a [History], described by history.schema.json
//	report.txt   the findings as text, for a ticket or a terminal
//
// The page also loads its style and scripts from there. In [http.ServeMux] a pattern that ends in a slash matches all of
// these. Other routers need another pattern, such as chi's "/debug/pool/*". If the pattern matches only the page
// itself, the page has no style and no plots.
//
// examples/doctor prints the findings of a report.json, once or repeatedly.
//
// With [WithTraceLink] the trace IDs of holds are links. With [WithServerView] the page has a link to a view of
// PostgreSQL's locks, ?server. PostgreSQL is queried every five seconds while that view is open, and never otherwise.
//
// # Access
//
// The page shows names of operations, stacks and settings of the program, but no SQL text, argument or connection
// string. Serve it on an admin port. Unless [WithAccess] sets another rule, only requests from the same machine are
// served. The connection must come from a loopback address. The Host header must be localhost or a loopback address,
// which prevents DNS rebinding by other sites. No header may say that a proxy forwarded the request (Forwarded,
// X-Forwarded-For and others, X-Real-IP, Via).
//
// The rule cannot detect a proxy on the same machine that adds no such header and sets the Host itself, as nginx does
// with a bare proxy_pass http://127.0.0.1. Behind such a proxy, set WithAccess, or do not let the proxy forward the
// path. Nor can the rule detect a tunnel, such as ssh -L or kubectl port-forward, but whoever opens one has access to
// the machine. A request over a Unix socket has no address, and is refused.
//
// # Cost
//
// After the call of [Handler], each pool keeps its last ten minutes, which takes about 80 kB per pool and no goroutine.
// Nothing else runs while the page is closed. All viewers share one report of each pool and one rendering per second,
// and one answer of PostgreSQL per five seconds. A response is rendered completely in memory, once for all viewers,
// before it is written, so a slow viewer does not delay others.
package poolz
