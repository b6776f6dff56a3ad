package direct

import (
	"os"
	"reflect"
	"slices"
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

// WithReader adds a reader. Repeated options add up. A reader that is given twice counts once.
func WithReader(r Reader) Option {
	return option(func(c *config) {
		if r == nil {
			return
		}
		c.sdk = append(c.sdk, sdkmetric.WithReader(r)) // The SDK reports a duplicate.
		if !reflect.ValueOf(r).Comparable() || !slices.Contains(c.readers, r) {
			c.readers = append(c.readers, r)
		}
	})
}

// WithView adds Views. Repeated options add up.
func WithView(views ...sdkmetric.View) Option {
	return option(func(c *config) {
		for _, view := range views {
			if view != nil {
				c.views = append(c.views, view)
				c.sdk = append(c.sdk, sdkmetric.WithView(view))
			}
		}
	})
}

// WithResource sets the resource that produces the telemetry. The default is resource.Default(). As in the SDK, it is
// merged with the resource of the environment. The last one given wins.
func WithResource(r *resource.Resource) Option {
	return option(func(c *config) {
		if r != nil {
			c.sdk = append(c.sdk, sdkmetric.WithResource(r))
		}
	})
}

// WithExemplarFilter sets which measurements may become exemplars. The default is OTEL_METRICS_EXEMPLAR_FILTER, or else
// those in sampled spans. The last one given wins.
func WithExemplarFilter(f exemplar.Filter) Option {
	return option(func(c *config) {
		if f != nil {
			c.exemplars = f
			c.sdk = append(c.sdk, sdkmetric.WithExemplarFilter(f))
		}
	})
}

// WithCardinalityLimit sets how many series an instrument may have. Measurements of any more are added up in the last
// one, which has the attribute otel.metric.overflow. The default is OTEL_GO_X_CARDINALITY_LIMIT, or else 2000. A limit
// of 0 or less means no limit. The last one given wins.
func WithCardinalityLimit(limit int) Option {
	return option(func(c *config) {
		c.limit = limit
		c.sdk = append(c.sdk, sdkmetric.WithCardinalityLimit(limit))
	})
}

// config has the values of the options. The SDK's options cannot be read back, so their values are kept too.
type config struct {
	sdk         []sdkmetric.Option
	readers     []Reader
	views       []sdkmetric.View
	exemplars   exemplar.Filter // nil if no exemplars are kept
	limit       int
	aggregation sdkmetric.Aggregation // of all readers for histograms, nil if the SDK must record everything
}

func newConfig(opts []Option) config {
	c := config{exemplars: exemplar.TraceBasedFilter, limit: 2000}
	// As in the SDK, unknown values are ignored.
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
	if !strings.EqualFold(os.Getenv("OTEL_GO_X_PER_SERIES_START_TIMESTAMPS"), "true") {
		c.aggregation = commonAggregation(c.readers)
	}
	return c
}

// commonAggregation returns the aggregation that all readers use for histograms. It returns nil if they differ, or if
// one has delta temporality: collecting deltas resets the values, so measurements would have to wait.
func commonAggregation(readers []Reader) (common sdkmetric.Aggregation) {
	for i, r := range readers {
		if r.Temporality(kind) != metricdata.CumulativeTemporality {
			return nil
		}
		aggregation := r.Aggregation(kind)
		switch a := aggregation.(type) {
		case nil, sdkmetric.AggregationDefault:
			aggregation = sdkmetric.DefaultAggregationSelector(kind)
		case sdkmetric.AggregationExplicitBucketHistogram:
			if !increasing(a.Boundaries) { // The SDK does not use them either, and logs that.
				aggregation = sdkmetric.DefaultAggregationSelector(kind)
			}
		}
		if i > 0 && !reflect.DeepEqual(aggregation, common) {
			return nil
		}
		common = aggregation
	}
	return common
}

// direct returns the stream to which the SDK would record an instrument with those boundaries, and the buckets of the
// stream. ok reports whether the stream can be recorded directly.
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
	// The SDK sorts boundaries that do not increase. Without boundaries it keeps exemplars in another reservoir.
	return stream, buckets, ok && len(buckets.Boundaries) > 0 && increasing(buckets.Boundaries)
}

func increasing(boundaries []float64) bool {
	for i := 1; i < len(boundaries); i++ {
		if boundaries[i-1] >= boundaries[i] {
			return false
		}
	}
	return true
}
