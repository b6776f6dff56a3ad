package main

import (
	"context"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// newMeterProvider makes a MeterProvider and the exporter that is scraped.
func newMeterProvider() (*sdkmetric.MeterProvider, *prometheus.Exporter, error) {
	exporter, err := prometheus.New()
	if err != nil {
		return nil, nil, err
	}
	return sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		fine(dbconv.ClientConnectionWaitTime{}.Name()),
		fine(dbconv.ClientOperationDuration{}.Name()),
	), exporter, nil
}

// fine gives a histogram buckets that are a tenth apart. The usual ones, made for the series of a whole fleet, are too
// few for the quantiles of one run.
func fine(name string) sdkmetric.Option {
	var bounds []float64
	for bound := 20e-6; bound < 60; bound *= 1.1 {
		bounds = append(bounds, bound)
	}
	return sdkmetric.WithView(sdkmetric.NewView(
		sdkmetric.Instrument{Name: name},
		sdkmetric.Stream{Aggregation: sdkmetric.AggregationExplicitBucketHistogram{Boundaries: bounds, NoMinMax: true}},
	))
}

// newPool opens the pool that is tested. The sizing is in its configuration already.
func newPool(ctx context.Context, config *pgxpool.Config, provider *sdkmetric.MeterProvider) (*pgxpool.Pool, *otelpool.Instrumentation, error) {
	return otelpool.NewWithConfig(ctx, config, otelpool.WithMeterProvider(provider), otelpool.WithPoolName("loadtest"))
}
