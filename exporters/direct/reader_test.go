package direct_test

import (
	"context"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/exporters/direct"
)

var _ direct.Reader = (*reader)(nil)

// reader makes a ManualReader a direct.Reader.
type reader struct {
	sdkmetric.Reader
	temporality sdkmetric.TemporalitySelector
	aggregation sdkmetric.AggregationSelector
	producers   []sdkmetric.Producer
}

// newReader returns a reader. A nil selector stands for the default.
func newReader(temporality sdkmetric.TemporalitySelector, aggregation sdkmetric.AggregationSelector) *reader {
	if temporality == nil {
		temporality = sdkmetric.DefaultTemporalitySelector
	}
	if aggregation == nil {
		aggregation = sdkmetric.DefaultAggregationSelector
	}
	return &reader{
		sdkmetric.NewManualReader(sdkmetric.WithTemporalitySelector(temporality), sdkmetric.WithAggregationSelector(aggregation)),
		temporality, aggregation, nil,
	}
}

func (r *reader) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return r.temporality(kind)
}
func (r *reader) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return r.aggregation(kind)
}
func (r *reader) AddProducer(p sdkmetric.Producer) { r.producers = append(r.producers, p) }

func (r *reader) Collect(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if err := r.Reader.Collect(ctx, rm); err != nil {
		return err
	}
	for _, p := range r.producers {
		produced, err := p.Produce(ctx)
		if err != nil {
			return err
		}
		rm.ScopeMetrics = append(rm.ScopeMetrics, produced...)
	}
	return nil
}
