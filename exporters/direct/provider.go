package direct

import (
	"context"
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

// Reader is a reader that takes a producer after it was made, and tells its temporality and aggregation. Those of
// exporters/prometheus and exporters/otlp do. Its cardinality limit must be that of the MeterProvider.
type Reader interface {
	sdkmetric.Reader
	// Temporality returns the temporality of the instruments of a kind.
	Temporality(sdkmetric.InstrumentKind) metricdata.Temporality
	// Aggregation returns the aggregation of the instruments of a kind, unless a View has another.
	Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation
	// AddProducer adds the metrics of the producer to each collection.
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
	direct  []*histogram // those of streams that are recorded directly
}

// streamID identifies a stream as the SDK does: instruments that Views give one name are one stream.
type streamID struct {
	scope                   instrumentation.Scope
	name, description, unit string
}

// NewMeterProvider returns a MeterProvider. As with the SDK's, a reader may have one MeterProvider, and without a reader
// nothing is recorded. The SDK's environment variables apply.
func NewMeterProvider(opts ...Option) *MeterProvider {
	cfg := newConfig(opts)
	p := &MeterProvider{
		sdk: sdkmetric.NewMeterProvider(cfg.sdk...), cfg: cfg, streams: map[streamID]metric.Float64Histogram{},
	}
	for _, r := range cfg.readers {
		r.AddProducer(producer{p})
	}
	return p
}

// Meter implements metric.MeterProvider.
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

// ForceFlush makes the readers that push export immediately.
func (p *MeterProvider) ForceFlush(ctx context.Context) error { return p.sdk.ForceFlush(ctx) }

// Shutdown shuts the readers down. Those that push export the last values.
func (p *MeterProvider) Shutdown(ctx context.Context) error { return p.sdk.Shutdown(ctx) }

// producer is what the readers of the provider collect besides the SDK.
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

// meter is a Meter of the SDK that makes float64 histograms itself.
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
		return known, nil // As in the SDK, the first instrument sets what becomes of the stream.
	}
	if ok {
		made := newHistogram(h, m.scope, stream, buckets, p.cfg)
		p.direct = append(p.direct, made)
		h = made
	}
	p.streams[id] = h
	return h, nil
}
