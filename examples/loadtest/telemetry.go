package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// newMeterProvider returns a MeterProvider and the exporter to scrape.
func newMeterProvider() (*sdkmetric.MeterProvider, *prometheus.Exporter, error) {
	exporter, err := prometheus.New()
	if err != nil {
		return nil, nil, err
	}
	return sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		fineBuckets(dbconv.ClientConnectionWaitTime{}.Name()),
		fineBuckets(dbconv.ClientOperationDuration{}.Name()),
	), exporter, nil
}

// fineBuckets returns a view with fineBounds.
func fineBuckets(name string) sdkmetric.Option {
	return sdkmetric.WithView(sdkmetric.NewView(
		sdkmetric.Instrument{Name: name},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: fineBounds(), NoMinMax: true}},
	))
}

// fineBounds returns bounds of buckets that are 10 % apart. The default ones, made for the series of a whole fleet, are
// too few for the quantiles of one run.
func fineBounds() (bounds []float64) {
	for bound := 20e-6; bound < 60; bound *= 1.1 {
		bounds = append(bounds, bound)
	}
	return bounds
}

// newPool opens the pool under test. config already contains the sizing.
func newPool(
	ctx context.Context, config *pgxpool.Config, provider *sdkmetric.MeterProvider, opts ...otelpool.Option,
) (*pgxpool.Pool, *otelpool.Instrumentation, error) {
	opts = append(opts, otelpool.WithMeterProvider(provider), otelpool.WithPoolName("loadtest"))
	return otelpool.NewWithConfig(ctx, config, opts...)
}
