package otlp

import (
	"crypto/tls"
	"maps"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Option configures [NewReader]. Of an option given twice the last one wins,
// unless its own text says otherwise.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (f optionFunc) apply(c config) config { return f(c) }

// WithProtocol chooses gRPC or HTTP.
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

// WithEndpoint sets the receiver's address as host:port. The connection uses
// TLS unless [WithInsecure] or OTEL_EXPORTER_OTLP_INSECURE says otherwise; with
// HTTP the path is /v1/metrics. Of WithEndpoint and [WithEndpointURL] the last
// one wins.
func WithEndpoint(hostPort string) Option {
	return optionFunc(func(c config) config {
		if hostPort == "" {
			return c.reject("WithEndpoint is empty: want host:port")
		}
		c.endpoint, c.endpointIsURL = hostPort, false
		return c
	})
}

// WithEndpointURL sets the receiver's address as a URL such as
// https://collector:4318. Its scheme, http or https, decides whether the
// connection uses TLS. With HTTP its path is taken as it is, and is /v1/metrics
// where the URL has none; with gRPC it has no path, and may also be a target
// such as unix:///run/otel.sock. Of WithEndpointURL and [WithEndpoint] the last
// one wins.
func WithEndpointURL(url string) Option {
	return optionFunc(func(c config) config {
		if url == "" {
			return c.reject("WithEndpointURL is empty: want http://host:port or https://host:port")
		}
		c.endpoint, c.endpointIsURL = url, true
		return c
	})
}

// WithInsecure connects in plain text to an endpoint that has no scheme. TLS
// files of the environment are then not used. With an https URL, or with
// [WithTLSConfig], it is an error of [NewReader].
func WithInsecure() Option {
	return optionFunc(func(c config) config {
		c.insecure = true
		return c
	})
}

// WithTLSConfig connects over TLS with a copy of t, in place of all TLS files of
// the environment. A nil t changes nothing.
func WithTLSConfig(t *tls.Config) Option {
	return optionFunc(func(c config) config {
		if t != nil {
			c.tls = t.Clone()
		}
		return c
	})
}

// WithHeaders sends headers, or with gRPC metadata, along with every request, in
// place of those of the environment. Given more than once, the headers add up.
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

// WithCompression sets how requests are compressed.
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

// WithTimeout limits one request: with gRPC together with its retries, with HTTP
// each attempt.
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

// WithExportTimeout limits a whole export, from the collection to the last
// retry; where it takes several requests, each of them. It also limits a
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

// WithMaxExportBatchSize sets the most data points that one request holds; a
// collection with more of them is sent as several requests, one after the
// other. The default, 1500, keeps requests below the 4 MiB that gRPC receivers
// take. A service with many pools and small data points may raise it, to have
// fewer requests; one whose data points are large, for example exponential
// histograms with many attributes, may have to lower it.
func WithMaxExportBatchSize(n int) Option {
	return optionFunc(func(c config) config {
		if n <= 0 {
			return c.reject("WithMaxExportBatchSize is %d: want more than 0", n)
		}
		c.maxExportBatchSize = n
		return c
	})
}

// WithTemporalitySelector sets whether an instrument's values are reported since
// the start (cumulative) or since the last export (delta). A nil selector
// changes nothing. With delta, what a failed export held is lost.
func WithTemporalitySelector(s sdkmetric.TemporalitySelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.temporality = s
		}
		return c
	})
}

// WithAggregationSelector sets how an instrument is aggregated where no view
// says so, for example histograms as exponential ones. A nil selector changes
// nothing.
func WithAggregationSelector(s sdkmetric.AggregationSelector) Option {
	return optionFunc(func(c config) config {
		if s != nil {
			c.aggregation = s
		}
		return c
	})
}

// WithProducer exports the metrics of p, for example of a bridge from another
// metrics library, too. Given more than once, the producers add up; a nil p
// changes nothing.
func WithProducer(p sdkmetric.Producer) Option {
	return optionFunc(func(c config) config {
		if p != nil {
			c.producers = append(c.producers, p)
		}
		return c
	})
}
