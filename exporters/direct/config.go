package direct

import (
	"os"
	"reflect"
	"strconv"
	"strings"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// kind is the kind of the instruments that are recorded directly.
const kind = sdkmetric.InstrumentKindHistogram

// Option configures a MeterProvider. A nil Option is ignored, and so is an option whose argument is nil.
type Option interface{ apply(*config) }

type option func(*config)

func (o option) apply(c *config) { o(c) }

// WithReader adds a reader. Repeated options add up.
func WithReader(r Reader) Option {
	return option(func(c *config) {
		if r != nil {
			c.readers = append(c.readers, r)
			c.sdk = append(c.sdk, sdkmetric.WithReader(r))
		}
	})
}

// WithView adds Views. Repeated options add up.
func WithView(views ...sdkmetric.View) Option {
	return option(func(c *config) {
		c.views = append(c.views, views...)
		c.sdk = append(c.sdk, sdkmetric.WithView(views...))
	})
}

// WithResource sets what produces the telemetry, by default resource.Default(). The last one given wins.
func WithResource(r *resource.Resource) Option {
	return option(func(c *config) {
		if r != nil {
			c.sdk = append(c.sdk, sdkmetric.WithResource(r))
		}
	})
}

// WithExemplarFilter sets which measurements may become exemplars, by default those in sampled spans. The last one given
// wins, also over OTEL_METRICS_EXEMPLAR_FILTER.
func WithExemplarFilter(f exemplar.Filter) Option {
	return option(func(c *config) {
		if f != nil {
			c.exemplars = f
			c.sdk = append(c.sdk, sdkmetric.WithExemplarFilter(f))
		}
	})
}

// WithCardinalityLimit sets how many series of an instrument are kept apart, by default 2000, the rest being one series
// with the attribute otel.metric.overflow. There is no limit if it is 0 or negative. The last one given wins.
func WithCardinalityLimit(limit int) Option {
	return option(func(c *config) {
		c.limit = limit
		c.sdk = append(c.sdk, sdkmetric.WithCardinalityLimit(limit))
	})
}

// config holds what the options set, for the SDK and again to know what the SDK would do.
type config struct {
	sdk       []sdkmetric.Option
	readers   []Reader
	views     []sdkmetric.View
	exemplars exemplar.Filter // nil if there are none
	limit     int

	temporality metricdata.Temporality
	aggregation sdkmetric.Aggregation // of all readers, nil if nothing can be recorded directly
}

func newConfig(opts []Option) config {
	c := config{exemplars: exemplar.TraceBasedFilter, limit: 2000}
	// As in the SDK, also what it does not take.
	switch strings.ToLower(strings.TrimSpace(os.Getenv("OTEL_METRICS_EXEMPLAR_FILTER"))) {
	case "always_on":
		c.exemplars = exemplar.AlwaysOnFilter
	case "always_off":
		c.exemplars = exemplar.AlwaysOffFilter
	}
	if limit, err := strconv.Atoi(strings.TrimSpace(os.Getenv("OTEL_GO_X_CARDINALITY_LIMIT"))); err == nil {
		c.limit = limit
	}
	for _, opt := range opts {
		if opt != nil {
			opt.apply(&c)
		}
	}
	if reflect.ValueOf(c.exemplars).Pointer() == reflect.ValueOf(exemplar.AlwaysOffFilter).Pointer() {
		c.exemplars = nil
	}
	c.shared()
	return c
}

// shared sets what all readers have in common. A reader of deltas takes what is there, so it must be the only one.
func (c *config) shared() {
	for i, r := range c.readers {
		temporality, aggregation := r.Temporality(kind), r.Aggregation(kind)
		switch a := aggregation.(type) {
		case nil, sdkmetric.AggregationDefault:
			aggregation = sdkmetric.DefaultAggregationSelector(kind)
		case sdkmetric.AggregationExplicitBucketHistogram:
			if !increasing(a.Boundaries) { // The SDK says so in its log.
				aggregation = sdkmetric.DefaultAggregationSelector(kind)
			}
		}
		if i == 0 {
			c.temporality, c.aggregation = temporality, aggregation
		} else if temporality != metricdata.CumulativeTemporality || c.temporality != metricdata.CumulativeTemporality ||
			!reflect.DeepEqual(aggregation, c.aggregation) {
			c.aggregation = nil
			return
		}
	}
}

// direct returns the stream into which the SDK would record an instrument with such default boundaries, and its buckets.
// It reports whether the stream can be recorded directly.
func (c *config) direct(in sdkmetric.Instrument, boundaries []float64) (
	stream sdkmetric.Stream, buckets sdkmetric.AggregationExplicitBucketHistogram, ok bool,
) {
	stream = sdkmetric.Stream{Name: in.Name, Description: in.Description, Unit: in.Unit}
	matches := 0
	for _, view := range c.views {
		if s, match := view(in); match {
			stream = s
			matches++
		}
	}
	if c.aggregation == nil || matches > 1 || stream.AttributeFilter != nil || stream.ExemplarReservoirProviderSelector != nil {
		return stream, buckets, false
	}
	aggregation := stream.Aggregation
	switch aggregation.(type) {
	case nil:
		aggregation = c.aggregation
	case sdkmetric.AggregationDefault:
		aggregation, boundaries = sdkmetric.DefaultAggregationSelector(kind), nil
	default:
		boundaries = nil
	}
	buckets, ok = aggregation.(sdkmetric.AggregationExplicitBucketHistogram)
	if len(boundaries) > 0 {
		buckets.Boundaries = boundaries
	}
	// The SDK sorts boundaries that do not increase, and without boundaries it keeps exemplars otherwise.
	return stream, buckets, ok && len(buckets.Boundaries) > 0 && increasing(buckets.Boundaries)
}

func increasing(boundaries []float64) bool {
	for i := 1; i < len(boundaries); i++ {
		if !(boundaries[i-1] < boundaries[i]) {
			return false
		}
	}
	return true
}
