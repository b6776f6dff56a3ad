package prometheus_test

import (
	"context"
	"errors"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace/noop"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// otherTracer returns a tracer of otelpgx, for a pool that otelpool then instruments.
func otherTracer(provider metric.MeterProvider) pgx.QueryTracer {
	return otelpgx.NewTracer(otelpgx.WithMeterProvider(provider), otelpgx.WithTracerProvider(noop.NewTracerProvider()))
}

// reportOthers reports metrics with otelpool's names, as other libraries in a service do: otelpgx's statistics of the
// pool, and pools of the same name, one of a client of Redis and one of the service's own instrumentation.
func reportOthers(ctx context.Context, provider metric.MeterProvider, pool *pgxpool.Pool, name string) error {
	poolName := attribute.String(catalogue.AttrPool, name)
	stats := otelpgx.RecordStats(pool, otelpgx.WithStatsMeterProvider(provider), otelpgx.WithStatsAttributes(poolName))
	redis := metric.WithAttributes(poolName, attribute.String(catalogue.AttrSystem, "redis"),
		attribute.String(catalogue.AttrState, catalogue.StateUsed))
	own := metric.WithAttributes(poolName, attribute.String(catalogue.AttrState, catalogue.StateUsed))
	return errors.Join(stats, reportPool(ctx, provider.Meter("github.com/redis/go-redis"), redis), reportPool(ctx, provider.Meter("example.com/orders"), own))
}

// reportPool records a pool with all of 200 connections in use.
func reportPool(ctx context.Context, meter metric.Meter, attributes metric.MeasurementOption) error {
	var errs []error
	for _, name := range []string{"db.client.connection.count", "db.client.connection.max", "pgxpool.size"} {
		counter, err := meter.Int64UpDownCounter(name, metric.WithUnit("{connection}"), describe(name))
		counter.Add(ctx, 200, attributes)
		errs = append(errs, err)
	}
	for _, name := range []string{"db.client.operation.duration", "db.client.connection.use_time", "db.client.connection.wait_time"} {
		histogram, err := meter.Float64Histogram(name, metric.WithUnit("s"), describe(name))
		histogram.Record(ctx, 9, attributes)
		errs = append(errs, err)
	}
	return errors.Join(errs...)
}

// describe returns the usual description of an instrument, because a page has one per name.
func describe(name string) metric.InstrumentOption {
	return metric.WithDescription(catalogue.Lookup(name)[0].Description)
}
