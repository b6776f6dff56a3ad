package main

import (
	"math"

	"github.com/otelpool/otelpool-go/examples/internal/display"
)

// sample holds the current values of the pool's gauges, and the increase of its counters since the last sample.
type sample struct {
	size, overflowMax, overflow, used, peak, idle, pending int

	oldestHold, busy float64 // seconds

	queries, acquires, holds display.Histogram
	errors                   map[string]int // by kind
}

// newSample returns the sample of metrics, and of those at the last sample.
func newSample(now, before display.Metrics) sample {
	gauge := func(name string) int { return int(now.Sum("db_pool_" + name)) }
	since := func(name string) display.Histogram { return now.Histogram(name).Since(before.Histogram(name)) }
	const busy, queries, requests = "db_pool_busy_seconds_total", "db_query_duration_seconds", "http_server_request_duration_seconds"
	s := sample{
		size: gauge("size"), overflowMax: gauge("num_overflow"), overflow: gauge("overflow"), used: gauge("checked_out"),
		peak: gauge("peak"), idle: gauge("checked_in"), pending: gauge("pending"),
		oldestHold: now.Sum("db_pool_oldest_hold_seconds"), busy: now.Sum(busy) - before.Sum(busy),
		queries: since(queries), acquires: since("db_pool_acquire_duration_seconds"), holds: since("db_pool_hold_duration_seconds"),
		errors: map[string]int{},
	}
	count := func(name, label, prefix string, isError func(string) bool) {
		earlier := before.CountBy(name, label)
		for kind, n := range now.CountBy(name, label) {
			if n > earlier[kind] && isError(kind) {
				s.errors[prefix+kind] += n - earlier[kind]
			}
		}
	}
	count(queries, "error_type", "", func(string) bool { return true })
	count(requests, "http_response_status_code", "HTTP ", func(code string) bool { return code >= "500" })
	// Only the reasons that are errors of the program or the server.
	count("db_pool_connections_closed_total", "reason", "", func(reason string) bool {
		return reason == "in_transaction" || reason == "busy" || reason == "broken"
	})
	return s
}

// busyShare returns the share of the hold time that operations took, or NaN if no hold ended. The two are not read at the same
// moment, so the share is limited to 1.
func (s *sample) busyShare() float64 {
	if s.holds.Count == 0 {
		return math.NaN()
	}
	return min(1, s.busy/s.holds.Sum)
}
