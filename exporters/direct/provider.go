package direct

import (
	"context"
	"sync"

	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/embedded"
	"go.opentelemetry.io/otel/sdk/instrumentation"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// Reader is a reader that can be given a producer after it was made, and that tells what the SDK keeps to itself. The
// readers of exporters/prometheus and exporters/otlp are such.
type Reader interface {
	sdkmetric.Reader
	// Temporality returns the temporality of the instruments of a kind.
	Temporality(sdkmetric.InstrumentKind) metricdata.Temporality
	// Aggregation returns the aggregation of the instruments of a kind, unless a View has another.
	Aggregation(sdkmetric.InstrumentKind) sdkmetric.Aggregation
	// AddProducer makes the reader collect the producer's metrics, too.
	AddProducer(sdkmetric.Producer)
}

// MeterProvider is a metric.MeterProvider for the option otelpool.WithMeterProvider. It is safe for concurrent use.
type MeterProvider struct {
	embedded.MeterProvider
	sdk *sdkmetric.MeterProvider
	cfg config

	mu         sync.Mutex // guards the fields below
	histograms map[histogramID]metric.Float64Histogram
	order      []*histogram // those that are recorded directly
}

// histogramID is what the SDK tells instruments apart by.
type histogramID struct {
	scope                   instrumentation.Scope
	name, description, unit string
}

// NewMeterProvider returns a MeterProvider. As with the SDK's, a reader may have one MeterProvider, and without a reader
// nothing is recorded. The SDK's environment variables apply.
func NewMeterProvider(opts ...Option) *MeterProvider {
	cfg := newConfig(opts)
	p := &MeterProvider{
		sdk: sdkmetric.NewMeterProvider(cfg.sdk...), cfg: cfg, histograms: map[histogramID]metric.Float64Histogram{},
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

// producer gives the readers of a provider what the SDK does not know.
type producer struct{ *MeterProvider }

// Produce implements sdkmetric.Producer.
func (p producer) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	p.mu.Lock()
	all := p.order
	p.mu.Unlock()
	var scopes []metricdata.ScopeMetrics
	for _, h := range all {
		data, ok := h.collect(p.cfg.temporality)
		if !ok {
			continue
		}
		if n := len(scopes); n == 0 || scopes[n-1].Scope != h.scope {
			scopes = append(scopes, metricdata.ScopeMetrics{Scope: h.scope})
		}
		last := &scopes[len(scopes)-1]
		last.Metrics = append(last.Metrics, metricdata.Metrics{
			Name: h.stream.Name, Description: h.stream.Description, Unit: h.stream.Unit, Data: data,
		})
	}
	return scopes, nil
}

// meter is the SDK's but for float64 histograms.
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
	c := metric.NewFloat64HistogramConfig(opts...)
	p, id := m.provider, histogramID{m.scope, name, c.Description(), c.Unit()}
	p.mu.Lock()
	defer p.mu.Unlock()
	if known := p.histograms[id]; known != nil {
		return known, nil // As in the SDK, the boundaries of the first count.
	}
	if stream, buckets, ok := p.cfg.direct(sdkmetric.Instrument{
		Name: name, Description: c.Description(), Unit: c.Unit(), Kind: kind, Scope: m.scope,
	}, c.ExplicitBucketBoundaries()); ok {
		made := newHistogram(h, m.scope, stream, buckets, p.cfg)
		p.order = append(p.order, made)
		h = made
	}
	p.histograms[id] = h
	return h, nil
}
