package otlp

import (
	"crypto/tls"
	"fmt"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// config is what the options say. A zero field leaves the setting to the
// environment, and to its default where that says nothing either.
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

	// errs are the faults of option values, in the order of the options.
	errs []error
}

// defaultMaxExportBatchSize keeps a request under the 4 MiB at which gRPC
// receivers refuse it, also where every data point is a histogram with an
// exemplar in each bucket and the longest operation name, some 1.7 kB.
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
