package main

import (
	"fmt"
	"maps"
	"math"
	"slices"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"

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
	families, err := gatherer.Gather()
	if err != nil {
		return sample{}, err
	}
	return newSample(families)
}

func newSample(families []*dto.MetricFamily) (sample, error) {
	s := sample{queryErrors: map[string]int{}}
	numbers := map[string]*int{
		"db_pool_checked_out":           &s.checkedOut,
		"db_pool_checked_in":            &s.checkedIn,
		"db_pool_overflow":              &s.overflow,
		"db_pool_pending":               &s.pending,
		"db_pool_peak":                  &s.peak,
		"db_pool_overflow_opened_total": &s.overflowOpened,
		"db_pool_timeouts_total":        &s.timeouts,
	}
	for _, family := range families {
		for _, metric := range family.GetMetric() {
			if to, wanted := numbers[family.GetName()]; wanted {
				*to += int(metric.GetGauge().GetValue() + metric.GetCounter().GetValue())
			}
			switch family.GetName() {
			case "db_pool_acquire_duration_seconds":
				add(&s.acquires, metric.GetHistogram())
			case "db_pool_hold_duration_seconds":
				s.held += metric.GetHistogram().GetSampleSum()
			case "db_query_duration_seconds":
				add(&s.queries, metric.GetHistogram())
				s.addErrors(metric)
			}
		}
		if len(family.GetMetric()) > 0 {
			delete(numbers, family.GetName())
		}
	}
	if len(numbers) > 0 {
		return sample{}, fmt.Errorf("the scrape does not contain %s", strings.Join(slices.Sorted(maps.Keys(numbers)), ", "))
	}
	return s, nil
}

func (s *sample) addErrors(metric *dto.Metric) {
	for _, label := range metric.GetLabel() {
		if label.GetName() == "error_type" {
			s.queryErrors[label.GetValue()] += int(metric.GetHistogram().GetSampleCount())
		}
	}
}

// add adds a series to a histogram.
func add(to *display.Histogram, series *dto.Histogram) {
	var bounds []float64
	var upTo []uint64
	for _, bucket := range series.GetBucket() {
		if bound := bucket.GetUpperBound(); !math.IsInf(bound, 1) {
			bounds, upTo = append(bounds, bound), append(upTo, bucket.GetCumulativeCount())
		}
	}
	to.Add(bounds, upTo, series.GetSampleCount())
}
