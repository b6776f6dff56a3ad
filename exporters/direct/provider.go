package direct

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Reader is a reader that accepts producers after its creation, and returns its temporality and aggregation. Those of
// exporters/prometheus and exporters/otlp do. It must not have a cardinality limit of its own: the MeterProvider's
// limit applies. Its methods must be safe for concurrent use.
type Reader interface {
	sdkmetric.Reader
	// Temporality returns the temporality of the instruments of a kind.
	Temporality(sdkmetric.InstrumentKind) metricdata.Temporality
	// Aggregation returns the aggregation of the instruments of a kind, unless a View sets another. nil means the SDK's
	// default.
	Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation
	// AddProducer adds the producer's metrics to each later collection.
	AddProducer(sdkmetric.Producer)
}

// MeterProvider is a metric.MeterProvider for the option otelpool.WithMeterProvider. Make it with [NewMeterProvider]. It
// is safe for concurrent use.
type MeterProvider struct {
	embedded.MeterProvider
	sdk *sdkmetric.MeterProvider
	cfg config

	mu      sync.Mutex // guards the fields below
	streams map[streamID]metric.Float64Histogram
	direct  []*histogram // the streams that are recorded directly
}

// streamID identifies a stream as the SDK does: instruments to which Views give the same name share a stream.
type streamID struct {
	scope                   instrumentation.Scope
	name, description, unit string
}

// NewMeterProvider returns a MeterProvider. It adds a producer to each reader. As with the SDK, a reader can have only
// one MeterProvider, and nothing is recorded without a reader. The SDK's environment variables apply.
func NewMeterProvider(opts ...Option) *MeterProvider {
	cfg := newConfig(opts)
	p := &MeterProvider{cfg: cfg, streams: map[streamID]metric.Float64Histogram{}}
	canceled, cancel := context.WithCancel(context.Background())
	cancel()
	for _, r := range cfg.readers {
		// A reader that has a MeterProvider is refused by the SDK, which logs that.
		if errors.Is(r.Collect(canceled, &metricdata.ResourceMetrics{}), sdkmetric.ErrReaderNotRegistered) {
			r.AddProducer(producer{p})
		}
	}
	p.sdk = sdkmetric.NewMeterProvider(cfg.sdk...)
	return p
}

// Meter implements metric.MeterProvider. Only otelpool's own meter records histograms directly; all others are the
// SDK's.
func (p *MeterProvider) Meter(name string, opts ...metric.MeterOption) metric.Meter {
	m := p.sdk.Meter(name, opts...)
	if name != catalogue.ScopeName {
		return m
	}
	c := metric.NewMeterConfig(opts...)
	return meter{m, p, instrumentation.Scope{
		Name: name, Version: c.InstrumentationVersion(), SchemaURL: c.SchemaURL(), Attributes: c.InstrumentationAttributes(),
	}}
}

// ForceFlush exports the current values through the readers that push. It returns the errors of all of them.
func (p *MeterProvider) ForceFlush(ctx context.Context) error { return p.sdk.ForceFlush(ctx) }

// Shutdown shuts the readers down, which makes those that push export the last values. It returns the errors of all of
// them, or sdkmetric.ErrReaderShutdown if it was called before.
func (p *MeterProvider) Shutdown(ctx context.Context) error { return p.sdk.Shutdown(ctx) }

// producer adds the direct histograms to the collections of the readers.
type producer struct{ *MeterProvider }

// Produce implements sdkmetric.Producer.
func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	all := p.direct
	p.mu.Unlock()
	var scopes []metricdata.ScopeMetrics
	for _, h := range all {
		data, ok := h.collect()
		if !ok {
			continue
		}
		at := slices.IndexFunc(scopes, func(s metricdata.ScopeMetrics) bool { return s.Scope == h.scope })
		if at < 0 {
			at = len(scopes)
			scopes = append(scopes, metricdata.ScopeMetrics{Scope: h.scope})
		}
		scopes[at].Metrics = append(scopes[at].Metrics, metricdata.Metrics{
			Name: h.stream.Name, Description: h.stream.Description, Unit: h.stream.Unit, Data: data,
		})
	}
	return scopes, nil
}

// meter is a Meter of the SDK, except for its float64 histograms.
type meter struct {
	metric.Meter
	provider *MeterProvider
	scope    instrumentation.Scope
}

// Float64Histogram implements metric.Meter.
func (m meter) Float64Histogram(name string, opts ...metric.Float64HistogramOption) (metric.Float64Histogram, error) {
	h, err := m.Meter.Float64Histogram(name, opts...)
	if err != nil || !h.Enabled(context.Background()) {
		return h, err
	}
	p, c := m.provider, metric.NewFloat64HistogramConfig(opts...)
	stream, buckets, ok := p.cfg.direct(sdkmetric.Instrument{
		Name: name, Description: c.Description(), Unit: c.Unit(), Kind: kind, Scope: m.scope,
	}, c.ExplicitBucketBoundaries())
	id := streamID{m.scope, strings.ToLower(stream.Name), stream.Description, stream.Unit}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.streams[id]; known != nil {
		return known, nil // As in the SDK, the first instrument decides how the stream is recorded.
	}
	if ok {
		made := newHistogram(h, m.scope, stream, buckets, p.cfg)
		p.direct = append(p.direct, made)
		h = made
	}
	p.streams[id] = h
	return h, nil
}
