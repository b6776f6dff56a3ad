// Package direct makes otelpool's measurements cheaper. Its MeterProvider records otelpool's durations itself, in
// sharded histograms for which processors rarely contend, and leaves everything else to OpenTelemetry's SDK.
//
// Use [NewMeterProvider] in place of sdkmetric.NewMeterProvider, with the same readers and Views. The readers see the
// same data points as with the SDK: buckets, sums, extremes, exemplars, and the series above the cardinality limit.
// There are two differences. A collection that runs during a measurement may include it in the sum and not yet in a
// bucket; the next collection includes it in both. And the histograms are in a ScopeMetrics of their own, beside the one
// with otelpool's other metrics. docs/cost.md shows what direct histograms save.
//
// The SDK still records, at its own cost,
//
//   - every instrument that is not a float64 histogram of otelpool,
//   - a histogram that several Views match, or whose View filters attributes or chooses exemplars,
//   - a histogram whose View or reader has an aggregation other than explicit, increasing buckets, such as an
//     exponential one,
//   - all histograms, if the readers have different aggregations for them, if one has delta temporality for them, or
//     if OTEL_GO_X_PER_SERIES_START_TIMESTAMPS is true.
package direct
