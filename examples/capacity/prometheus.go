package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"github.com/prometheus/common/model"

	"github.com/otelpool/otelpool-go/examples/internal/fetch"
	"github.com/otelpool/otelpool-go/internal/printable"
)

// query is a PromQL query whose result is added to the totals as a metric of the page.
type query struct {
	metric, expression string
	factor             float64
}

// by is the aggregation by process and pool.
const by = "by (job, instance, pool) "

func rangeOf(window time.Duration) string {
	return "[" + strconv.FormatInt(window.Milliseconds(), 10) + "ms]"
}

// queries returns the queries for a window. factor turns rates per second into totals of the window.
func queries(window time.Duration) []query {
	seconds := window.Seconds()
	within := rangeOf(window)
	rate := func(metric, selector, by string) query {
		return query{metric, "sum " + by + "(rate(" + metric + selector + within + "))", seconds}
	}
	return []query{
		rate(acquiresMetric, "", by),
		rate(timeoutsMetric, "", by),
		rate(phaseMetric, "", "by (job, instance, pool, phase) "),
		rate(holdMetric+"_count", "", by),
		rate(holdMetric+"_sum", "", by),
		rate(holdMetric+"_bucket", "", "by (job, instance, pool, le) "),
		{sizeMetric, "max " + by + "(" + sizeMetric + ")", 1},
		{overflowMetric, "max " + by + "(" + overflowMetric + ")", 1},
		{peakMetric, "max " + by + "(max_over_time(" + peakMetric + within + "))", 1},
		{takenMetric, "max " + by + "(avg_over_time(" + takenMetric + within + "))", 1},
		{samplesFigure, "max " + by + "(count_over_time(" + takenMetric + within + "))", 1},
	}
}

// nativeQueries returns the queries for hold times in native histograms, which have no series for count, sum and
// buckets. The last one requires a newer server than the others.
func nativeQueries(window time.Duration) []query {
	holds := "sum " + by + "(rate(" + holdMetric + rangeOf(window) + "))"
	return []query{
		{holdMetric + "_count", "histogram_count(" + holds + ")", window.Seconds()},
		{holdMetric + "_sum", "histogram_sum(" + holds + ")", window.Seconds()},
		{cvFigure, "histogram_stddev(" + holds + ") * histogram_count(" + holds + ") / histogram_sum(" + holds + ")", 1},
	}
}

// before returns the query for the pools that existed at the start of the window.
func before(window time.Duration) query {
	return query{sizeMetric, fmt.Sprintf("max by (job, instance, pool) (%s offset %dms)", sizeMetric, window.Milliseconds()), 1}
}

// queryPrometheus measures the pools over the window. All queries use the same time.
func (w environment) queryPrometheus(ctx context.Context, server *url.URL, window time.Duration) ([]measurement, error) {
	at := w.now()
	now, then := totalsByPool{}, totalsByPool{}
	for _, q := range queries(window) {
		if err := w.ask(ctx, server, q, at, now); err != nil {
			return nil, err
		}
	}
	if now.missesHolds() {
		for _, q := range nativeQueries(window) {
			// An unknown CV is not an error; the advice says so.
			if err := w.ask(ctx, server, q, at, now); err != nil && q.metric != cvFigure {
				return nil, err
			}
		}
	}
	if err := w.ask(ctx, server, before(window), at, then); err != nil {
		return nil, err
	}
	var measurements []measurement
	for _, k := range now.keys() {
		if now[k].size == 0 {
			continue // it ended within the window
		}
		young := then[k] == nil
		if young {
			now[k].samples = 0 // their mean covers a shorter time than the rates
		}
		m := newMeasurement(k, now[k], window)
		m.young = young
		measurements = append(measurements, m)
	}
	return busiest(measurements), nil
}

// ask adds the result of a query to the totals.
func (w environment) ask(ctx context.Context, server *url.URL, q query, at time.Time, totals totalsByPool) error {
	u := server.JoinPath("api", "v1", "query")
	parameters := u.Query()
	parameters.Set("query", q.expression)
	parameters.Set("time", strconv.FormatFloat(float64(at.UnixMilli())/1000, 'f', 3, 64))
	u.RawQuery = parameters.Encode()
	status, body, err := fetch.Get(ctx, w.client, u, "application/json", maxAnswer)
	if err != nil {
		return err
	}
	samples, err := parseAnswer(status, body)
	if err != nil {
		return fmt.Errorf("%s: %w", fetch.Redacted(server), err)
	}
	for _, s := range samples {
		totals.add(q.metric, s.Metric, float64(s.Value)*q.factor)
	}
	return nil
}

// parseAnswer parses the response to an instant query, which must be a vector.
func parseAnswer(status int, body []byte) (model.Vector, error) {
	var answer struct {
		Status, Error string
		Data          struct {
			ResultType string
			Result     json.RawMessage
		}
	}
	err := json.Unmarshal(body, &answer)
	switch {
	case err == nil && answer.Status == "error":
		return nil, fmt.Errorf("the server says: %s", printable.Text(answer.Error, maxText))
	case status != http.StatusOK:
		return nil, fmt.Errorf("the answer has status %d", status)
	case err != nil || answer.Status != "success" || answer.Data.ResultType != "vector":
		return nil, errors.New("the answer is not that of a Prometheus server")
	}
	var vector model.Vector
	if err := json.Unmarshal(answer.Data.Result, &vector); err != nil {
		return nil, fmt.Errorf("the answer is not that of a Prometheus server: %s", printable.Text(err.Error(), maxText))
	}
	// A histogram has no value.
	return slices.DeleteFunc(vector, func(s *model.Sample) bool { return s.Histogram != nil }), nil
}
