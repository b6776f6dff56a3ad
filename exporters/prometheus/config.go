package prometheus

import (
	"errors"
	"fmt"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// defaultMaxRequestsInFlight exceeds the number of concurrent scrapers and bounds the cost of a flood of requests.
const defaultMaxRequestsInFlight = 40

// config holds the values that the options set.
type config struct {
	aggregation        sdkmetric.AggregationSelector
	producers          []sdkmetric.Producer
	othersOptions      []otelprom.Option
	resourceLabels     attribute.Filter
	openTelemetryNames bool
	fullCollector      bool

	joined              []prometheus.Gatherer
	maxRequestsInFlight int
	timeout             time.Duration
	errorHandler        otel.ErrorHandler
}

// newConfig applies opts to the defaults and checks the result.
func newConfig(opts []Option) (config, error) {
	cfg := config{
		aggregation:         sdkmetric.DefaultAggregationSelector,
		maxRequestsInFlight: defaultMaxRequestsInFlight,
		errorHandler:        otel.ErrorHandlerFunc(otel.Handle),
	}
	for _, opt := range opts {
		if opt != nil {
			cfg = opt.apply(cfg)
		}
	}

	var err error
	if cfg.maxRequestsInFlight < 0 {
		err = errors.Join(err, fmt.Errorf(
			"prometheus: max requests in flight is %d: want 1 or more, or 0 for no limit", cfg.maxRequestsInFlight))
	}
	if cfg.timeout < 0 {
		err = errors.Join(err, fmt.Errorf("prometheus: timeout is %v: want more than 0, or 0 for none", cfg.timeout))
	}
	return cfg, err
}
