// Package otlp pushes metrics to an OpenTelemetry Collector, or to any other OTLP receiver, over gRPC or HTTP.
//
// [NewReader] returns a periodic reader for the OpenTelemetry SDK's MeterProvider. It needs no options: the standard
// environment variables configure it, and an option overrides its variable.
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
// Each OTEL_EXPORTER_OTLP_X has a form OTEL_EXPORTER_OTLP_METRICS_X, which applies to metrics only and overrides it.
// Times are in milliseconds.
//
// # Endpoint and security
//
// By default metrics go to http://localhost:4318/v1/metrics, or with gRPC to http://localhost:4317, as the OTLP
// specification says. With TLS files or [WithTLSConfig] they go to the same address over TLS.
//
// The scheme of an endpoint decides between plain text (http) and TLS (https). [WithInsecure] and
// OTEL_EXPORTER_OTLP_INSECURE apply only to an endpoint without a scheme: one set by [WithEndpoint], or with gRPC a
// bare host:port or a dns: target. A unix: target, which gRPC also accepts, is plain text.
//
// With HTTP, /v1/metrics is appended to OTEL_EXPORTER_OTLP_ENDPOINT, but not to OTEL_EXPORTER_OTLP_METRICS_ENDPOINT.
// Redirects are not followed, so headers, which often hold a token, are sent only to the configured host.
//
// # Errors
//
// An invalid setting is an error of NewReader, not a log line and a default. The error names the option or variable and
// says what is allowed. Settings that contradict each other are an error too. Header values and the text of endpoints
// never appear in these errors. A variable that something overrides is not checked, except for headers and for
// endpoints that are not URLs: the OpenTelemetry exporters read them anyway, and log what they cannot parse.
//
// A collector that is down is not an error of NewReader, which opens no connection. A push that fails is retried,
// with HTTP until WithExportTimeout ends it, with gRPC until WithTimeout does. Only then is it reported to the error
// handler of go.opentelemetry.io/otel: by default 30 seconds, or with gRPC 10, after the push began. Recording never waits
// for the collector. With cumulative temporality a failed export loses only resolution in time: the next successful
// export has the whole counts.
//
// No error shows the path of an endpoint or the value of a header, which may hold a token, even if the receiver's answer
// repeats them: the text is [hidden] there. Header values of less than four bytes are shown.
//
// A callback or producer that fails loses only its own metrics: everything else is pushed, and the error is reported.
// A callback that panics loses the push, but does not crash the program. With delta temporality it also loses what is
// counted until the next one.
//
// The MeterProvider keeps 2000 series of an instrument apart unless its option WithCardinalityLimit sets another limit.
// It adds up the rest in one series. That is reported to the same handler, once for each instrument.
//
// All exported functions are safe for concurrent use.
package otlp
