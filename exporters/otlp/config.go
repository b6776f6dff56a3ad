package otlp

import (
	"crypto/tls"
	"fmt"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// config holds the values that the options set. A zero field takes its value from the environment, or else its default.
type config struct {
	protocol           Protocol
	endpoint           string
	endpointIsURL      bool
	insecure           bool
	tls                *tls.Config
	headers            map[string]string
	compression        Compression
	timeout            time.Duration
	interval           time.Duration
	exportTimeout      time.Duration
	retry              *RetryConfig
	maxExportBatchSize int
	temporality        sdkmetric.TemporalitySelector
	aggregation        sdkmetric.AggregationSelector
	producers          []sdkmetric.Producer

	// errs are the errors of option values, in the order of the options.
	errs []error
}

// defaultMaxExportBatchSize keeps a request below 4 MiB, the limit of gRPC receivers. A data point may be a histogram
// with an exemplar in each bucket and the longest operation name, about 1.7 kB.
const defaultMaxExportBatchSize = 1500

func newConfig(opts []Option) config {
	c := config{maxExportBatchSize: defaultMaxExportBatchSize}
	for _, o := range opts {
		if o != nil {
			c = o.apply(c)
		}
	}
	return c
}

func (c config) reject(format string, args ...any) config {
	c.errs = append(c.errs, fmt.Errorf(format, args...))
	return c
}
