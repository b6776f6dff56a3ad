package main

import (
	"context"
	"math"
	"slices"
	"strconv"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
	"go.opentelemetry.io/otel/semconv/v1.43.0/httpconv"

	"github.com/otelpool/otelpool-go/examples/internal/display"
)

// sample holds the current values of the pool's gauges, and the increase of its counters since the last sample.
type sample struct {
	size, overflowMax, overflow, used, peak, idle, pending int64

	oldestHold, busy float64 // seconds

	queries, acquires, holds histogram
	errors                   map[string]int // by kind
}

// collect reads the metrics by their OpenTelemetry names. With an error it may still return a part of them.
func collect(ctx context.Context, reader sdkmetric.Reader) (sample, error) {
	var collected metricdata.ResourceMetrics
	err := reader.Collect(ctx, &collected)
	s := sample{errors: map[string]int{}}
	for _, scope := range collected.ScopeMetrics {
		for _, metric := range scope.Metrics {
			switch data := metric.Data.(type) {
			case metricdata.Gauge[int64]:
				s.addNumbers(metric.Name, data.DataPoints)
			case metricdata.Sum[int64]:
				s.addNumbers(metric.Name, data.DataPoints)
			case metricdata.Gauge[float64]:
				s.addSeconds(metric.Name, data.DataPoints)
			case metricdata.Sum[float64]:
				s.addSeconds(metric.Name, data.DataPoints)
			case metricdata.Histogram[float64]:
				s.addHistograms(metric.Name, data.DataPoints)
			}
		}
	}
	return s, err
}

func (s *sample) addNumbers(name string, points []metricdata.DataPoint[int64]) {
	for _, point := range points {
		switch name {
		case "pgxpool.size":
			s.size += point.Value
		case "pgxpool.overflow.max":
			s.overflowMax += point.Value
		case "pgxpool.overflow":
			s.overflow += point.Value
		case "pgxpool.peak":
			s.peak += point.Value
		case "pgxpool.connections.closed":
			// Only the reasons that are errors of the program or the server.
			reason, _ := point.Attributes.Value("reason")
			if kind := reason.AsString(); point.Value > 0 && slices.Contains([]string{"in_transaction", "busy", "broken"}, kind) {
				s.errors[kind] += int(point.Value)
			}
		case dbconv.ClientConnectionPendingRequests{}.Name():
			s.pending += point.Value
		case dbconv.ClientConnectionCount{}.Name():
			state, _ := point.Attributes.Value(semconv.DBClientConnectionStateKey)
			if state == semconv.DBClientConnectionStateUsed.Value {
				s.used += point.Value
			} else {
				s.idle += point.Value
			}
		}
	}
}

func (s *sample) addSeconds(name string, points []metricdata.DataPoint[float64]) {
	for _, point := range points {
		switch name {
		case "pgxpool.oldest_hold":
			s.oldestHold = max(s.oldestHold, point.Value)
		case "pgxpool.busy_time":
			s.busy += point.Value
		}
	}
}

// busyShare returns the share of the hold time that operations took, or NaN if no hold ended. The two are not read at the same
// moment, so the share is limited to 1.
func (s *sample) busyShare() float64 {
	if s.holds.Count == 0 {
		return math.NaN()
	}
	return min(1, s.busy/s.holds.sum)
}

func (s *sample) addHistograms(name string, points []metricdata.HistogramDataPoint[float64]) {
	for _, point := range points {
		switch name {
		case dbconv.ClientOperationDuration{}.Name():
			s.queries.add(point)
			if kind, failed := point.Attributes.Value(semconv.ErrorTypeKey); failed {
				s.errors[kind.AsString()] += int(point.Count)
			}
		case dbconv.ClientConnectionWaitTime{}.Name():
			s.acquires.add(point)
		case dbconv.ClientConnectionUseTime{}.Name():
			s.holds.add(point)
		case httpconv.ServerRequestDuration{}.Name():
			status, _ := point.Attributes.Value(semconv.HTTPResponseStatusCodeKey)
			if code := status.AsInt64(); code >= 500 {
				s.errors["HTTP "+strconv.FormatInt(code, 10)] += int(point.Count)
			}
		}
	}
}

// histogram is the sum of series with equal buckets, and of their values.
type histogram struct {
	display.Histogram
	sum float64
}

func (h *histogram) add(point metricdata.HistogramDataPoint[float64]) {
	upTo := slices.Clone(point.BucketCounts)
	for i := range upTo[1:] {
		upTo[i+1] += upTo[i]
	}
	h.Add(point.Bounds, upTo, point.Count)
	h.sum += point.Sum
}
