package main

import (
	"net/http"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// runs combines the checks that need more than a few seconds of the program in one run.
func runs(t *testing.T, path string) {
	e := start(t, path)
	e.working()
	if status, body := e.get("/trouble/leak"); status != http.StatusOK { // before its phase
		e.Errorf("/trouble/leak: status %d: %s", status, body)
	}
	servesDocumentedMetrics(e)
	showsLeak(e)

	// The demo must also end properly during a trouble.
	var underWay sync.WaitGroup
	defer underWay.Wait()
	base := e.base()
	for _, trouble := range troubles {
		underWay.Go(func() {
			if res, err := http.Get(base + trouble.route().target()); err == nil {
				res.Body.Close()
			}
		})
	}
	e.while("the troubles are under way", func() bool { return e.scrape()[`db_pool_checked_out{pool="demo"}`] > idleCallers })
	e.signal(syscall.SIGINT)
	e.End(0)
	for line := range strings.Lines(e.Stderr.String()) {
		if !strings.HasPrefix(line, "level=WARN msg=") {
			t.Errorf("standard error: %s", line)
		}
	}
}

func servesDocumentedMetrics(e *execution) {
	operation := func(suffix string) string {
		return "db_query_duration_seconds_" + suffix + `{db_system_name="postgresql",operation="get_user_with_roles",pool="demo"}`
	}
	bucket := `db_query_duration_seconds_bucket{db_system_name="postgresql",operation="get_user_with_roles",pool="demo",le="+Inf"}`
	e.while("every documented metric", func() bool {
		values := e.scrape()
		return !slices.ContainsFunc([]string{
			`db_pool_size{pool="demo"}`, `db_pool_num_overflow{pool="demo"}`, `db_pool_overflow{pool="demo"}`,
			`db_pool_checked_out{pool="demo"}`, `db_pool_checked_in{pool="demo"}`,
			operation("count"), operation("sum"), bucket,
		}, func(name string) bool { _, found := values[name]; return !found })
	})
	e.while("a scrape with overflow", func() bool {
		values := e.scrape()
		size, num := values[`db_pool_size{pool="demo"}`], values[`db_pool_num_overflow{pool="demo"}`]
		out, overflow := values[`db_pool_checked_out{pool="demo"}`], values[`db_pool_overflow{pool="demo"}`]
		if size != 5 || num != 10 || overflow != max(0, out-size) || out > size+num {
			e.Fatalf("size %v, num_overflow %v, checked_out %v, overflow %v", size, num, out, overflow)
		}
		if count := values[operation("count")]; count == 0 || count != values[bucket] {
			e.Fatalf("count %v, bucket +Inf %v", count, values[bucket])
		}
		return overflow > 0
	})
	e.row(0, "a busy line with overflow and callers waiting", func(r row) bool {
		return r.phase == "busy" && r.overflow > 0 && r.overflow == r.used-5 && r.waiting > 0 && r.peak >= r.used
	})
	e.while("every kind of operation", func() bool {
		_, body := e.get("/metrics")
		for _, name := range []string{
			"SELECT otelpool_demo.users", "report_roles", "take_from_account", "give_to_account", "BEGIN", "COMMIT",
			"load_dashboard", "import_events", "trim_events", "grant_role",
		} {
			if !strings.Contains(body, `operation="`+name+`"`) {
				return false
			}
		}
		return strings.Contains(body, `error_type="23503",operation="grant_role"`) &&
			strings.Contains(body, `target_info{service_name="otelpool-demo"`)
	})
	if _, body := e.get("/"); !strings.Contains(body, `href="/metrics"`) {
		e.Errorf("the page has no link to /metrics: %s", body)
	}
}

// showsLeak checks the metrics and logs of the requested leak, and waits for the phase of the leak.
func showsLeak(e *execution) {
	during := e.logs(leakPattern("connection held for long"))
	if line := sourceLine(e.T, during[1], during[2]); !strings.Contains(line, `s.pool.Acquire(otelpool.WithOperation(ctx, operation))`) {
		e.Errorf("%s names the line %q", during[0], line)
	}
	if after := e.logs(leakPattern("connection released after a long hold")); after[2] != during[2] {
		e.Errorf("%s, want line %s", after[0], during[2])
	}
	e.while("the leak in the metrics", func() bool { return e.scrape()[`db_pool_long_holds_total{pool="demo"}`] > 0 })
	e.while("the phase of the leak is announced", func() bool { return strings.Contains(e.Stdout.String(), "\n         leak: ") })
	e.row(0, "a line of its phase", func(r row) bool { return r.phase == "leak" && r.used > 0 })
	e.while("its age", func() bool { return e.scrape()[`db_pool_oldest_hold_seconds{pool="demo"}`] > 1 })
}
