// Package prometheus is the bridge from OpenTelemetry to Prometheus for connection pools: it serves what a MeterProvider
// measures on a /metrics page, with the metrics of package otelpool under their documented names.
//
//	exporter, err := prometheus.New()
//	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
//	http.Handle("/metrics", exporter)
//
// # Names
//
// The metrics of package otelpool have OpenTelemetry's names inside the process. Here db.client.connection.count becomes
// db_pool_checked_out and db_pool_checked_in, db.client.operation.duration becomes db_query_duration_seconds, and so on;
// their labels db.client.connection.pool.name and db.query.summary become pool and operation. Other labels are
// translated in the ordinary way, such as error.type to error_type. A series that lacks an attribute lacks the label,
// which PromQL treats as an empty one. A metric that has no documented name keeps the translated one, and the translated
// labels. WithOpenTelemetryNames adds the translated metrics beside the documented ones. A label named pool or operation
// that comes from an attribute of the user's becomes exported_pool or exported_operation.
//
// Metrics of other libraries in the same MeterProvider come out as go.opentelemetry.io/otel/exporters/prometheus shows
// them by default. That exporter converts all metrics; the bridge splits them before and renames them after. Where one of
// them has the name of a documented metric, the two share a metric family, and the labels otel_scope_name and the like
// tell the series apart; if their types differ, it is left out and the error names it.
//
// # Serving
//
// An Exporter is an http.Handler and a prometheus.Gatherer. It serves text, OpenMetrics (with exemplars) and protobuf
// (with native histograms, made of exponential ones), compressed where the client takes it. Errors do not stop a page:
// what could be gathered is served and the error goes to the error handler, by default otel.Handle. Status 500 says that
// nothing could be gathered. Before the exporter is registered with a MeterProvider, and after that is shut down, the
// status is 503, or, with WithGatherer, the page has the joined metrics only.
//
// An exemplar keeps its trace and span. Of the attributes that a View has dropped it has those for which the 128 runes of
// an exemplar's labels leave room and whose names can be labels, with U+FFFD for what is NUL or not UTF-8.
//
// To put the metrics on a page that exists already, register Collector in its registry, or list the Exporter among
// prometheus.Gatherers. To put an existing registry on the exporter's page, use WithGatherer. Do not do both with one
// registry.
//
// All types and functions are safe for concurrent use.
package prometheus
