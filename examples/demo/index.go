package main

import (
	_ "embed"
	"fmt"
	"html/template"
	"net/http"
)

//go:embed index.html
var indexHTML string

var indexTemplate = template.Must(template.New("index").Parse(indexHTML))

// entry is a line of the page.
type entry struct {
	Method, Path, About string
	Look                string // of a trouble: where it shows
	Link                string // empty where a browser cannot follow one
}

// metrics are those to look at first.
var metrics = []entry{
	{Path: "db_pool_checked_out", About: "connections in use; of db_pool_max"},
	{Path: "db_pool_checked_in", About: "connections open and idle"},
	{Path: "db_pool_size", About: "the base size"},
	{Path: "db_pool_overflow", About: "connections in use beyond the base size; of db_pool_num_overflow"},
	{Path: "db_pool_peak", About: fmt.Sprintf("the most connections that were in use at once in the last %v to %v", peakWindow, 2*peakWindow)},
	{Path: "db_pool_pending", About: "requests waiting for a connection"},
	{Path: "db_query_duration_seconds", About: "how long queries take, by operation; those that failed have error_type"},
	{Path: "db_pool_acquire_duration_seconds", About: "how long it takes to get a connection"},
	{Path: "db_pool_hold_duration_seconds", About: "how long connections are held"},
}

// index serves the page that lists what there is.
func index() http.Handler {
	var service, trouble []entry
	for _, r := range routes {
		service = append(service, r.entry())
	}
	for _, t := range troubles {
		e := t.route().entry()
		e.Look = t.look
		trouble = append(trouble, e)
	}
	data := map[string]any{"Base": baseSize, "Overflow": maxOverflow, "Metrics": metrics, "Service": service, "Troubles": trouble}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_ = indexTemplate.Execute(w, data) // fails only if the client is gone
	})
}

func (r route) entry() entry {
	e := entry{Method: r.method, Path: r.path, About: r.about}
	if r.method == http.MethodGet {
		e.Link = r.target()
	}
	return e
}
