package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/otelpool/otelpool-go/examples/internal/display"
)

// sample holds the pool's metrics of one scrape, under their Prometheus names.
type sample struct {
	checkedOut, checkedIn, overflow, pending, peak int
	overflowOpened, timeouts                       int
	acquires, queries                              display.Histogram
	queryErrors                                    map[string]int // by error_type
	held                                           float64        // seconds, of all holds that ended
}

// scrape scrapes the pool. A missing gauge is an error, so that it does not count as 0.
func scrape(gatherer prometheus.Gatherer) (sample, error) {
	metrics, err := display.Gather(gatherer)
	if err != nil {
		return sample{}, err
	}
	s := sample{
		acquires:    metrics.Histogram("db_pool_acquire_duration_seconds"),
		queries:     metrics.Histogram("db_query_duration_seconds"),
		queryErrors: metrics.CountBy("db_query_duration_seconds", "error_type"),
		held:        metrics.Histogram("db_pool_hold_duration_seconds").Sum,
	}
	var missing []string
	for name, to := range map[string]*int{
		"db_pool_checked_out":           &s.checkedOut,
		"db_pool_checked_in":            &s.checkedIn,
		"db_pool_overflow":              &s.overflow,
		"db_pool_pending":               &s.pending,
		"db_pool_peak":                  &s.peak,
		"db_pool_overflow_opened_total": &s.overflowOpened,
		"db_pool_timeouts_total":        &s.timeouts,
	} {
		if metrics[name] == nil {
			missing = append(missing, name)
		}
		*to = int(metrics.Sum(name))
	}
	if len(missing) > 0 {
		slices.Sort(missing)
		return sample{}, fmt.Errorf("the scrape does not contain %s", strings.Join(missing, ", "))
	}
	return s, nil
}
