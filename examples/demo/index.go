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

// entry is a row of the page.
type entry struct {
	Method, Path, About string
	Name                string // of a trouble
	Look                string // for a trouble: the metrics that show it
	Finding             string // for a trouble: its last finding, "" if there was none
	Link                string // empty if a browser cannot request it
}

// metrics are the most important metrics.
var metrics = []entry{
	{Path: "db_pool_checked_out", About: "connections in use; of db_pool_max"},
	{Path: "db_pool_checked_in", About: "connections open and idle"},
	{Path: "db_pool_size", About: "the base size"},
	{Path: "db_pool_overflow", About: "connections in use beyond the base size; of db_pool_num_overflow"},
	{Path: "db_pool_peak", About: fmt.Sprintf("the maximum of connections in use over the last %v to %v", peakWindow, 2*peakWindow)},
	{Path: "db_pool_pending", About: "requests waiting for a connection"},
	{Path: "db_query_duration_seconds", About: "duration of queries by operation; failed ones have error_type"},
	{Path: "db_pool_acquire_duration_seconds", About: "duration of acquires"},
	{Path: "db_pool_hold_duration_seconds", About: "duration of holds"},
}

// index serves the page.
func index(found *findings) http.Handler {
	var service []entry
	for _, r := range routes {
		service = append(service, r.entry())
	}
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		now := found.look()
		var trouble []entry
		for _, t := range troubles {
			e := t.route().entry()
			e.Name, e.Look, e.Finding = t.name, t.look, found.of(t)
			trouble = append(trouble, e)
		}
		data := map[string]any{"Base": baseSize, "Overflow": maxOverflow, "Metrics": metrics, "Service": service, "Troubles": trouble, "Now": now}
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
