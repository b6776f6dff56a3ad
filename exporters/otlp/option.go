package otlp

import (
	"crypto/tls"
	"maps"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Option configures [NewReader]. If an option is repeated, the last one wins, unless its documentation says otherwise.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithProtocol sets the protocol, gRPC or HTTP.
func WithProtocol(p Protocol) Option {
	return optionFunc(func(c config) config {
		parsed, err := parseProtocol("WithProtocol", string(p))
		if err != nil {
			return c.reject("%w", err)
		}
		c.protocol = parsed
		return c
	})
}

// WithEndpoint sets the receiver's address as host:port. The connection uses TLS unless [WithInsecure] or
// OTEL_EXPORTER_OTLP_INSECURE disables it. With HTTP the path is /v1/metrics. The last of WithEndpoint and
// [WithEndpointURL] wins.
func WithEndpoint(hostPort string) Option {
	return optionFunc(func(c config) config {
		if hostPort == "" {
			return c.reject("WithEndpoint is empty: want host:port")
		}
		c.endpoint, c.endpointIsURL = hostPort, false
		return c
	})
}

// WithEndpointURL sets the receiver's address as a URL such as https://collector:4318. Its scheme, http or https,
// decides whether the connection uses TLS. With HTTP its path is used unchanged, escapes included, and is /v1/metrics if the URL has
// none. With gRPC the URL must have no path, and it may also be a target such as unix:///run/otel.sock. The last of
// WithEndpointURL and [WithEndpoint] wins.
func WithEndpointURL(url string) Option {
	return optionFunc(func(c config) config {
		if url == "" {
			return c.reject("WithEndpointURL is empty: want http://host:port or https://host:port")
		}
		c.endpoint, c.endpointIsURL = url, true
		return c
	})
}

// WithInsecure selects plain text for an endpoint that has no scheme. The TLS files of the environment are not used
// then. [NewReader] returns an error if the endpoint is an https URL or [WithTLSConfig] is set.
func WithInsecure() Option {
	return optionFunc(func(c config) config {
		c.insecure = true
		return c
	})
}

// WithTLSConfig selects TLS with a copy of t, and replaces all TLS files of the environment. A nil t changes nothing.
func WithTLSConfig(t *tls.Config) Option {
	return optionFunc(func(c config) config {
		if t != nil {
			c.tls = t.Clone()
		}
		return c
	})
}

// WithHeaders sends headers (with gRPC: metadata) with every request, and replaces the headers of the environment.
// Repeated options add up.
func WithHeaders(headers map[string]string) Option {
	headers = maps.Clone(headers)
	return optionFunc(func(c config) config {
		merged := maps.Clone(c.headers)
		if merged == nil {
			merged = make(map[string]string, len(headers))
		}
		maps.Copy(merged, headers)
		c.headers = merged
		return c
	})
}

// WithCompression sets the compression of requests.
func WithCompression(compression Compression) Option {
	return optionFunc(func(c config) config {
		parsed, err := parseCompression("WithCompression", string(compression))
		if err != nil {
			return c.reject("%w", err)
		}
		c.compression = parsed
		return c
	})
}

// WithTimeout limits one request: with gRPC including its retries, with HTTP each attempt.
func WithTimeout(d time.Duration) Option {
	return optionFunc(func(c config) config {
		if d <= 0 {
			return c.reject("WithTimeout is %v: want more than 0", d)
		}
		c.timeout = d
		return c
	})
}

// WithInterval sets the time between two exports.
func WithInterval(d time.Duration) Option {
	return optionFunc(func(c config) config {
		if d <= 0 {
			return c.reject("WithInterval is %v: want more than 0", d)
		}
		c.interval = d
		return c
	})
}

// WithExportTimeout limits an export, from the collection to the last retry of its last request. Callbacks are given
// half of it. Requests that are not sent in that time are left out, and the error says how many. It also limits a
// Shutdown or ForceFlush whose context has no deadline.
func WithExportTimeout(d time.Duration) Option {
	return optionFunc(func(c config) config {
		if d <= 0 {
			return c.reject("WithExportTimeout is %v: want more than 0", d)
		}
		c.exportTimeout = d
		return c
	})
}

// WithMaxExportBatchSize sets the maximum number of data points in one request. A larger collection is sent as several
// requests, one after the other. The default, 1500, keeps requests below the 4 MiB limit of gRPC receivers. A service
// with many pools and small data points may raise it to send fewer requests. A service with large data points, such as
// exponential histograms with many attributes, may have to lower it.
func WithMaxExportBatchSize(n int) Option {
	return optionFunc(func(c config) config {
		if n <= 0 {
			return c.reject("WithMaxExportBatchSize is %d: want more than 0", n)
		}
		c.maxExportBatchSize = n
		return c
	})
}

// WithTemporalitySelector sets whether an instrument's values are reported since the start (cumulative) or since the
// last export (delta). With delta, a failed export loses its values. A nil selector changes nothing.
func WithTemporalitySelector(s sdkmetric.TemporalitySelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.temporality = s
		}
		return c
	})
}

// WithAggregationSelector sets the aggregation of instruments that no view covers, for example exponential histograms.
// A nil selector changes nothing.
func WithAggregationSelector(s sdkmetric.AggregationSelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.aggregation = s
		}
		return c
	})
}

// WithProducer also exports the metrics of p, for example of a bridge from another metrics library. Repeated options
// add up. A nil p changes nothing.
func WithProducer(p sdkmetric.Producer) Option {
	return optionFunc(func(c config) config {
		if p != nil {
			c.producers = append(c.producers, p)
		}
		return c
	})
}
