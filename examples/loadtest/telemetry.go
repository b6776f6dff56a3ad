package main

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5/pgxpool"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"

	"github.com/otelpool/otelpool-go/exporters/prometheus"
	"github.com/otelpool/otelpool-go/otelpool"
)

// target is the pool under test, with its metrics.
type target struct {
	pool     *pgxpool.Pool
	inst     *otelpool.Instrumentation
	exporter *prometheus.Exporter // to scrape
	provider *sdkmetric.MeterProvider
}

// openTarget opens the pool under test. config already contains the sizing.
func openTarget(ctx context.Context, config *pgxpool.Config, opts ...otelpool.Option) (*target, error) {
	exporter, err := prometheus.New()
	if err != nil {
		return nil, err
	}
	t := &target{exporter: exporter, provider: sdkmetric.NewMeterProvider(
		sdkmetric.WithReader(exporter),
		fineBuckets(dbconv.ClientConnectionWaitTime{}.Name()),
		fineBuckets(dbconv.ClientOperationDuration{}.Name()),
	)}
	opts = append(opts, otelpool.WithMeterProvider(t.provider), otelpool.WithPoolName("loadtest"))
	t.pool, t.inst, err = otelpool.NewWithConfig(ctx, config, opts...)
	return t, err
}

// close closes the pool and ends its metrics.
func (t *target) close() error {
	err := t.inst.Unregister()
	t.pool.Close()
	return errors.Join(err, t.provider.Shutdown(context.Background()))
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
