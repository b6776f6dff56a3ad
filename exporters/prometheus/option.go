package prometheus

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Option configures an Exporter. A nil Option is ignored, and so is an option whose argument is nil.
type Option interface {
	apply(config) config
}

type optionFunc func(config) config

func (fn optionFunc) apply(cfg config) config { return fn(cfg) }

// WithOpenTelemetryNames adds to every renamed metric the same metric with the standard translation of its
// OpenTelemetry name and labels. For example, db_client_connection_count appears beside db_pool_checked_out and
// db_pool_checked_in. By default a renamed metric appears under its documented name only.
func WithOpenTelemetryNames() Option {
	return optionFunc(func(cfg config) config {
		cfg.openTelemetryNames = true
		return cfg
	})
}

// WithFullCollector adds to Collector and Register everything that is on the exporter's own page: target_info, other
// libraries' metrics, and the pools' metrics that have no documented name. By default they have the pools' documented
// metrics only, because another exporter in the same registry may have the rest.
func WithFullCollector() Option {
	return optionFunc(func(cfg config) config {
		cfg.fullCollector = true
		return cfg
	})
}

// WithAggregationSelector sets the aggregation of each kind of instrument. Prometheus reads exponential histograms as
// native ones. The last one given wins.
func WithAggregationSelector(selector sdkmetric.AggregationSelector) Option {
	return optionFunc(func(cfg config) config {
		if selector != nil {
			cfg.aggregation = selector
		}
		return cfg
	})
}

// WithProducer adds a producer of metrics from outside the MeterProvider. Repeated options add up.
func WithProducer(producer sdkmetric.Producer) Option {
	return optionFunc(func(cfg config) config {
		if producer != nil {
			cfg.producers = append(cfg.producers, producer)
		}
		return cfg
	})
}

// WithGatherer adds the metrics of g, such as prometheus.DefaultGatherer, to the exporter's page and to Gather.
// Repeated options add up. A metric of g whose name is already there is merged if its type and help text are the same.
// Otherwise it is left out, and so are series that are already there; the error that Gather returns then names the
// metric.
//
// The registry must not hold this exporter's Collector.
func WithGatherer(g prometheus.Gatherer) Option {
	return optionFunc(func(cfg config) config {
		if g != nil {
			cfg.joined = append(cfg.joined, g)
		}
		return cfg
	})
}

// WithoutScopeInfo removes the otel_scope_ labels from other libraries' metrics. Pool metrics never have them.
func WithoutScopeInfo() Option {
	return optionFunc(func(cfg config) config {
		cfg.othersOptions = append(cfg.othersOptions, otelprom.WithoutScopeInfo())
		return cfg
	})
}

// WithoutTargetInfo removes the metric target_info, which has the resource attributes as labels.
func WithoutTargetInfo() Option {
	return optionFunc(func(cfg config) config {
		cfg.othersOptions = append(cfg.othersOptions, otelprom.WithoutTargetInfo())
		return cfg
	})
}

// WithNamespace adds namespace and an underscore before the names of other libraries' metrics. The names of pool
// metrics are fixed. The last one given wins.
func WithNamespace(namespace string) Option {
	return optionFunc(func(cfg config) config {
		cfg.othersOptions = append(cfg.othersOptions, otelprom.WithNamespace(namespace))
		return cfg
	})
}

// WithResourceAsConstantLabels adds the resource attributes that filter accepts to every series as labels. A series that
// has an attribute with the same label keeps its own. The last one given wins.
func WithResourceAsConstantLabels(filter attribute.Filter) Option {
	return optionFunc(func(cfg config) config {
		if filter != nil {
			// An attribute that cannot be a label would make the official exporter leave out all metrics.
			cfg.resourceLabels = func(kv attribute.KeyValue) bool { return isLabelName(string(kv.Key)) && filter(kv) }
		}
		return cfg
	})
}

// WithMaxRequestsInFlight limits the number of requests served concurrently, including those whose clients still read;
// further ones get status 503. The default is 40, and 0 means no limit. New returns an error for a negative limit. The last
// one given wins.
func WithMaxRequestsInFlight(limit int) Option {
	return optionFunc(func(cfg config) config {
		cfg.maxRequestsInFlight = limit
		return cfg
	})
}

// WithTimeout limits the time until a page is complete. A request that waits longer gets status 503; its collection
// finishes in the background, and the result is discarded. The default of 0 means no limit. New returns an error for a negative
// timeout. The last one given wins.
func WithTimeout(timeout time.Duration) Option {
	return optionFunc(func(cfg config) config {
		cfg.timeout = timeout
		return cfg
	})
}

// WithErrorHandler sets the handler of errors that occur while serving, instead of the global one (otel.Handle). The
// handler must be safe for concurrent use. The last one given wins.
func WithErrorHandler(handler otel.ErrorHandler) Option {
	return optionFunc(func(cfg config) config {
		if handler != nil {
			cfg.errorHandler = handler
		}
		return cfg
	})
}
