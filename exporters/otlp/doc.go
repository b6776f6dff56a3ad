// Package otlp pushes metrics to an OpenTelemetry Collector, or to any other
// OTLP receiver, over gRPC or HTTP.
//
// [NewReader] returns a periodic reader for the OpenTelemetry SDK's
// MeterProvider. It needs no options: the standard environment variables
// configure it, and an option wins over the variable of the same meaning.
//
//	OTEL_EXPORTER_OTLP_PROTOCOL                   WithProtocol, http/protobuf by default
//	OTEL_EXPORTER_OTLP_ENDPOINT                   WithEndpointURL, WithEndpoint
//	OTEL_EXPORTER_OTLP_INSECURE                   WithInsecure
//	OTEL_EXPORTER_OTLP_CERTIFICATE                WithTLSConfig
//	OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE         WithTLSConfig
//	OTEL_EXPORTER_OTLP_CLIENT_KEY                 WithTLSConfig
//	OTEL_EXPORTER_OTLP_HEADERS                    WithHeaders
//	OTEL_EXPORTER_OTLP_COMPRESSION                WithCompression, none by default
//	OTEL_EXPORTER_OTLP_TIMEOUT                    WithTimeout, 10 seconds by default
//	OTEL_METRIC_EXPORT_INTERVAL                   WithInterval, 60 seconds by default
//	OTEL_METRIC_EXPORT_TIMEOUT                    WithExportTimeout, 30 seconds by default
//	OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE          WithTemporalitySelector
//	OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION   WithAggregationSelector
//
// Each OTEL_EXPORTER_OTLP_X has a form OTEL_EXPORTER_OTLP_METRICS_X, which is
// for metrics alone and wins over it. Times are in milliseconds.
//
// # Endpoint and security
//
// Without any setting, metrics go to http://localhost:4318/v1/metrics, or with
// gRPC to http://localhost:4317, as the OTLP specification has it; where TLS
// files or [WithTLSConfig] are given, to the same address over TLS.
//
// The scheme of an endpoint decides between plain text (http) and TLS (https).
// [WithInsecure] and OTEL_EXPORTER_OTLP_INSECURE speak only of an endpoint that
// does not say: one given by [WithEndpoint], or with gRPC a bare host:port or a
// dns: target. A unix: target, with gRPC too, is plain text.
//
// With HTTP, /v1/metrics is appended to OTEL_EXPORTER_OTLP_ENDPOINT, and
// OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is taken as it is. Redirects are not
// followed: headers, which often hold a token, stay with the host they are for.
//
// # Errors
//
// A setting that cannot be used is an error of NewReader which names the option
// or variable and what is allowed, not a log line and a default; so are
// settings that contradict each other. Header values and the text of endpoints
// never appear in these errors. A variable that something overrides is not
// judged, save for headers and for endpoints that are no URL at all: the
// OpenTelemetry exporters read them in any case, and log what they cannot read.
//
// A collector that is down is no error. NewReader connects to nothing; later
// failures are retried, then reported through the error handler of
// go.opentelemetry.io/otel. Recording never waits for the collector, and with
// cumulative temporality nothing but resolution in time is lost: the next
// export that arrives has the whole counts.
//
// The SDK keeps 2000 series of an instrument apart unless
// sdkmetric.WithCardinalityLimit says otherwise, and folds the rest into one.
// That is reported to the same handler, once for each instrument.
//
// All exported functions are safe for concurrent use.
package otlp
