// Package prometheus bridges OpenTelemetry and Prometheus for connection pools. It serves the metrics of a
// MeterProvider on a /metrics page, those of package otelpool under their documented names.
//
//	exporter, err := prometheus.New()
//	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(exporter))
//	http.Handle("/metrics", exporter)
//
// # Names
//
// The metrics of package otelpool have OpenTelemetry names inside the process. The exporter renames them:
// db.client.connection.count becomes db_pool_checked_out and db_pool_checked_in, db.client.operation.duration becomes
// db_query_duration_seconds, and so on. The labels db.client.connection.pool.name and db.query.summary become pool and
// operation. Other labels get the standard translation, such as error.type to error_type. A series without an attribute
// has no such label, and PromQL treats that as an empty label. A metric without a documented name gets the standard
// translation of its name and labels. WithOpenTelemetryNames adds the translated metrics beside the documented ones. A
// user attribute named pool or operation becomes exported_pool or exported_operation, and an attribute le of any
// histogram becomes exported_le.
//
// Metrics of other libraries in the same MeterProvider look as go.opentelemetry.io/otel/exporters/prometheus shows them
// by default, because that exporter converts them. This package converts the pool metrics by the same rules. A metric
// of another library may have the name of a documented metric. The two then share a metric family, and labels such as
// otel_scope_name distinguish the series. If their types differ, the other library's metric is left out and the error
// names it.
//
// # Serving
//
// An Exporter is an http.Handler and a prometheus.Gatherer. It serves text, OpenMetrics (with exemplars) and protobuf
// (with native histograms, converted from exponential ones). It compresses the page by gzip if the client accepts that.
// An error does not stop a page: the exporter serves all it could gather and sends the error to the error handler, by
// default otel.Handle. Status 500 means that nothing could be gathered. The status is 503 before the exporter is
// registered with a MeterProvider, and after the provider is shut down. With WithGatherer the page has the joined
// metrics then.
//
// At most two gatherings run at the same time. Requests that arrive meanwhile wait, and all of them get the values of
// the next gathering. So a request never gets values older than itself, and a flood of requests costs no more than
// three gatherings. A page is complete before it is sent: a client that reads slowly does not delay others, and holds
// only its compressed page in memory. WithMaxRequestsInFlight limits their number. Exporter.Disconnects counts clients
// that leave early. Gather and Collector gather for each call.
//
// An exemplar keeps its trace ID and span ID. Attributes that a View drops become labels of the exemplar, within the
// limit of 128 runes and if their names are valid label names. U+FFFD replaces NUL and invalid UTF-8 in their values,
// and in help texts.
//
// Register adds the pools' documented metrics to a registry that is already served, beside OpenTelemetry's own exporter
// if there is one. Use WithGatherer to add a registry to the exporter's page, or list the Exporter among
// prometheus.Gatherers. Do only one of these with one registry.
//
// All types and functions are safe for concurrent use.
package prometheus
