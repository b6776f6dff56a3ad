// Package direct makes otelpool's measurements cheaper: a MeterProvider that records otelpool's durations itself, in
// histograms that processors do not share, and leaves everything else to OpenTelemetry's SDK.
//
// Make the provider with [NewMeterProvider] in place of sdkmetric.NewMeterProvider, from the same readers and Views. The
// readers see the same data points as the SDK's: buckets, sums, extremes, exemplars of sampled spans, and the series above
// the cardinality limit. There is one difference: a collection during a measurement may see it in the sum and not yet in
// a bucket. The next collection sees it in both. docs/cost.md has what it saves.
//
// The SDK records, at its own cost,
//
//   - what is not a float64 histogram of otelpool,
//   - a histogram that several Views match, or a View that filters attributes, chooses exemplars, or sets an aggregation
//     that is not one of explicit, increasing buckets,
//   - all histograms if a reader aggregates them otherwise, such as exponentially, or has delta temporality for them, or
//     if OTEL_GO_X_PER_SERIES_START_TIMESTAMPS is true.
package direct
