package otlp

import (
	"crypto/tls"
	"maps"
	"time"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetrichttp"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Option configures [NewReader]. If an option is repeated, the last one wins, unless its documentation says otherwise.
type Option interface {
	apply(*config)
}

type option func(*config)

func (o option) apply(c *config) { o(c) }

// Protocol is the transport of the exported metrics. Its values are those of OTEL_EXPORTER_OTLP_PROTOCOL.
type Protocol string

const (
	// ProtocolGRPC sends over gRPC.
	ProtocolGRPC Protocol = "grpc"
	// ProtocolHTTP sends protobuf bodies over HTTP. It is the default.
	ProtocolHTTP Protocol = "http/protobuf"
)

// WithProtocol sets the protocol, gRPC or HTTP.
func WithProtocol(p Protocol) Option {
	return option(func(c *config) { c.protocol = oneOf(c, setting{"WithProtocol", string(p)}, ProtocolGRPC, ProtocolHTTP) })
}

// WithEndpoint sets the receiver's address as host:port. The connection uses TLS unless [WithInsecure] or
// OTEL_EXPORTER_OTLP_INSECURE disables it. With HTTP the path is /v1/metrics. The last of WithEndpoint and
// [WithEndpointURL] wins.
func WithEndpoint(hostPort string) Option {
	return option(func(c *config) { c.endpoint = setting{withEndpoint, hostPort} })
}

// WithEndpointURL sets the receiver's address as a URL such as https://collector:4318. Its scheme, http or https,
// decides whether the connection uses TLS. With HTTP its path is used unchanged, escapes included, and is /v1/metrics
// if the URL has none. With gRPC the URL must have no path, and it may also be a target such as
// unix:///run/otel.sock. The last of WithEndpointURL and [WithEndpoint] wins.
func WithEndpointURL(url string) Option {
	return option(func(c *config) { c.endpoint = setting{"WithEndpointURL", url} })
}

// WithInsecure selects plain text for an endpoint that has no scheme. The TLS files of the environment are not used
// then. [NewReader] returns an error if the endpoint is an https URL or [WithTLSConfig] is set.
func WithInsecure() Option {
	return option(func(c *config) { c.insecure = true })
}

// WithTLSConfig selects TLS with a copy of t, and replaces all TLS files of the environment. A nil t changes nothing.
func WithTLSConfig(t *tls.Config) Option {
	if t == nil {
		return nil
	}
	return option(func(c *config) { c.tls = t.Clone() })
}

// WithHeaders sends headers (with gRPC: metadata) with every request, and replaces the headers of the environment.
// Repeated options add up.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return option(func(c *config) {
		if c.headers == nil {
			c.headers = make(map[string]string)
		}
		maps.Copy(c.headers, headers)
	})
}

// Compression is the compression of request bodies. Its values are those of OTEL_EXPORTER_OTLP_COMPRESSION.
type Compression string

const (
	// CompressionNone disables compression. It is the default.
	CompressionNone Compression = "none"
	// CompressionGzip compresses bodies with gzip.
	CompressionGzip Compression = "gzip"
)

// WithCompression sets the compression of requests.
func WithCompression(compression Compression) Option {
	s := setting{"WithCompression", string(compression)}
	return option(func(c *config) { c.compression = oneOf(c, s, CompressionGzip, CompressionNone) })
}

// WithTimeout limits one request: with gRPC including its retries, with HTTP each attempt.
func WithTimeout(d time.Duration) Option {
	return option(func(c *config) { c.timeout = positive(c, "WithTimeout", d) })
}

// WithInterval sets the time between two exports.
func WithInterval(d time.Duration) Option {
	return option(func(c *config) { c.interval = positive(c, "WithInterval", d) })
}

// WithExportTimeout limits an export, from the collection to the last retry of its last request. Callbacks are given
// half of it. Requests that are not sent in that time are left out, and the error says how many. It also limits a
// Shutdown or ForceFlush whose context has no deadline.
func WithExportTimeout(d time.Duration) Option {
	return option(func(c *config) { c.exportTimeout = positive(c, "WithExportTimeout", d) })
}

// RetryConfig configures the retries of requests that failed for a temporary reason: a receiver that cannot be reached
// or closes the connection, status 429, 502, 503 and 504, or with gRPC the codes that the OTLP specification lists.
type RetryConfig struct {
	// Enabled enables retries. The other fields are used only then.
	Enabled bool
	// InitialInterval is the wait before the first retry, randomized by up to half of it. Later waits are longer.
	InitialInterval time.Duration
	// MaxInterval is the longest wait between two retries.
	MaxInterval time.Duration
	// MaxElapsedTime is the time after which retries stop.
	MaxElapsedTime time.Duration
}

// WithRetry sets the retries of requests. By default the first retry comes after 5 seconds; the interval then grows up
// to 30 seconds, and retries end after a minute. [WithTimeout] and [WithExportTimeout] also limit them. No other export
// starts while a request is retried.
func WithRetry(r RetryConfig) Option {
	return option(func(c *config) {
		if r.Enabled && (r.InitialInterval <= 0 || r.MaxInterval < r.InitialInterval || r.MaxElapsedTime <= 0) {
			c.reject("WithRetry has InitialInterval %v, MaxInterval %v and MaxElapsedTime %v: "+
				"want all above 0 and MaxInterval not below InitialInterval", r.InitialInterval, r.MaxInterval, r.MaxElapsedTime)
		}
		c.pass(otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(r)), otlpmetrichttp.WithRetry(otlpmetrichttp.RetryConfig(r)))
	})
}

// WithMaxExportBatchSize sets the maximum number of data points in one request. A larger collection is sent as several
// requests, one after the other. The default, 1500, keeps requests below the 4 MiB limit of gRPC receivers. A service
// with many pools and small data points may raise it to send fewer requests. A service with large data points, such as
// exponential histograms with many attributes, may have to lower it.
func WithMaxExportBatchSize(n int) Option {
	return option(func(c *config) { c.batchSize = positive(c, "WithMaxExportBatchSize", n) })
}

// WithTemporalitySelector sets whether an instrument's values are reported since the start (cumulative) or since the
// last export (delta). With delta, a failed export loses its values. A nil selector changes nothing.
func WithTemporalitySelector(s sdkmetric.TemporalitySelector) Option {
	if s == nil {
		return nil
	}
	return option(func(c *config) {
		c.temporality = true
		c.pass(otlpmetricgrpc.WithTemporalitySelector(s), otlpmetrichttp.WithTemporalitySelector(s))
	})
}

// WithAggregationSelector sets the aggregation of instruments that no view covers, for example exponential histograms.
// A nil selector changes nothing.
func WithAggregationSelector(s sdkmetric.AggregationSelector) Option {
	if s == nil {
		return nil
	}
	return option(func(c *config) {
		c.aggregation = true
		c.pass(otlpmetricgrpc.WithAggregationSelector(s), otlpmetrichttp.WithAggregationSelector(s))
	})
}

// WithProducer also exports the metrics of p, for example of a bridge from another metrics library. Repeated options
// add up. A nil p changes nothing.
func WithProducer(p sdkmetric.Producer) Option {
	if p == nil {
		return nil
	}
	return option(func(c *config) { c.producers = append(c.producers, p) })
}
