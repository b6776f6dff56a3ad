// Package direct makes otelpool's measurements cheaper: a MeterProvider that records otelpool's durations itself, in
// histograms that processors do not share, and leaves everything else to OpenTelemetry's SDK.
//
// Make the provider with [NewMeterProvider] in place of sdkmetric.NewMeterProvider, from the same readers and Views. The
// readers see the same data points as the SDK's: buckets, sums, extremes, exemplars of sampled spans, the cardinality
// limit, cumulative or delta. The only difference is that a collection may see a measurement that is made at that moment
// in a count and not yet in the sum. docs/cost.md has what it saves.
//
// A histogram is recorded by the SDK, with the same result at the SDK's cost,
//
//   - if it is not a float64 histogram of otelpool,
//   - if several Views match it, or one that filters attributes, chooses exemplars, or sets anything but explicit buckets,
//   - if a reader aggregates histograms otherwise, such as exponentially, or
//   - if there are several readers, of which one has delta temporality for histograms.
package direct
