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

// WithOpenTelemetryNames adds to every renamed metric the same metric under the name and with the labels that the
// ordinary translation of its OpenTelemetry name gives, such as db_client_connection_count beside db_pool_checked_out
// and db_pool_checked_in. Without it a renamed metric appears under its documented name alone.
func WithOpenTelemetryNames() Option {
	return optionFunc(func(cfg config) config {
		cfg.openTelemetryNames = true
		return cfg
	})
}

// WithAggregationSelector sets the aggregation of each kind of instrument, for instance exponential histograms, which
// Prometheus reads as native ones. The last one given wins.
func WithAggregationSelector(selector sdkmetric.AggregationSelector) Option {
	return optionFunc(func(cfg config) config {
		if selector != nil {
			cfg.readerOptions = append(cfg.readerOptions, sdkmetric.WithAggregationSelector(selector))
		}
		return cfg
	})
}

// WithProducer adds a source of metrics that do not come from the MeterProvider. Repeated options add up.
func WithProducer(producer sdkmetric.Producer) Option {
	return optionFunc(func(cfg config) config {
		if producer != nil {
			cfg.readerOptions = append(cfg.readerOptions, sdkmetric.WithProducer(producer))
			cfg.hasProducers = true
		}
		return cfg
	})
}

// WithGatherer serves the metrics of g, for instance prometheus.DefaultGatherer, together with the exporter's own: on
// its page and from Gather. Repeated options add up. A metric of g that has the name of one already there is added to
// it when type and help text are the same; otherwise it is left out, and so are series that are there already: the
// error that Gather returns then names the metric.
//
// The registry to join must not hold this exporter's Collector.
func WithGatherer(g prometheus.Gatherer) Option {
	return optionFunc(func(cfg config) config {
		if g != nil {
			cfg.joined = append(cfg.joined, g)
		}
		return cfg
	})
}

// WithoutScopeInfo leaves out the otel_scope_ labels of other libraries' metrics. Pool metrics never have them.
func WithoutScopeInfo() Option {
	return optionFunc(func(cfg config) config {
		cfg.othersOptions = append(cfg.othersOptions, otelprom.WithoutScopeInfo())
		return cfg
	})
}

// WithoutTargetInfo leaves out the metric target_info, which has the attributes of the resource as labels.
func WithoutTargetInfo() Option {
	return optionFunc(func(cfg config) config {
		cfg.othersOptions = append(cfg.othersOptions, otelprom.WithoutTargetInfo())
		return cfg
	})
}

// WithNamespace puts namespace and an underscore before the names of other libraries' metrics. The names of pool
// metrics are fixed. The last one given wins.
func WithNamespace(namespace string) Option {
	return optionFunc(func(cfg config) config {
		cfg.othersOptions = append(cfg.othersOptions, otelprom.WithNamespace(namespace))
		return cfg
	})
}

// WithResourceAsConstantLabels puts the attributes of the resource that filter accepts on every series as labels. The
// last one given wins.
func WithResourceAsConstantLabels(filter attribute.Filter) Option {
	return optionFunc(func(cfg config) config {
		if filter != nil {
			// For the sake of one that cannot be a label the official exporter would leave out all metrics.
			cfg.resourceLabels = func(kv attribute.KeyValue) bool { return isName(string(kv.Key)) && filter(kv) }
		}
		return cfg
	})
}

// WithMaxRequestsInFlight limits how many requests are served at once; one more gets status 503. The default is 40, 0
// means no limit, and New refuses a negative limit. The last one given wins.
func WithMaxRequestsInFlight(limit int) Option {
	return optionFunc(func(cfg config) config {
		cfg.maxRequestsInFlight = limit
		return cfg
	})
}

// WithTimeout limits how long a request may take; after that it gets status 503, while what it started is finished in
// the background and thrown away. The default of 0 means no limit, and New refuses a negative one. The last one given
// wins.
func WithTimeout(timeout time.Duration) Option {
	return optionFunc(func(cfg config) config {
		cfg.timeout = timeout
		return cfg
	})
}

// WithErrorHandler sends errors met while serving to handler instead of the OpenTelemetry SDK's global one
// (otel.Handle). It must be safe for concurrent use. The last one given wins.
func WithErrorHandler(handler otel.ErrorHandler) Option {
	return optionFunc(func(cfg config) config {
		if handler != nil {
			cfg.errorHandler = handler
		}
		return cfg
	})
}
