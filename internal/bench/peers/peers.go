// Package peers creates pools that are instrumented by otelpool and by other libraries, each as its documentation
// shows.
package peers

import (
	"context"
	"fmt"

	"github.com/exaring/otelpgx"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	tracenoop "go.opentelemetry.io/otel/trace/noop"

	"github.com/otelpool/otelpool-go/otelpool"
)

// Unused is the connection string of a pool that never connects.
const Unused = "host=localhost user=postgres dbname=nowhere sslmode=disable"

// Maker creates a pool under a name, and returns a function that ends its instrumentation. A nil provider means the
// global one.
type Maker func(connString, name string, provider metric.MeterProvider) (pool *pgxpool.Pool, end func(), err error)

// Bare creates a pool without instrumentation.
var Bare = Tracer(nil)

// Otelpool returns a maker of pools with otelpool and the given options.
func Otelpool(opts ...otelpool.Option) Maker {
	return Configured(func(*pgxpool.Config) error { return nil }, opts...)
}

// Configured is Otelpool with a change of the configuration before it is instrumented.
func Configured(change func(*pgxpool.Config) error, opts ...otelpool.Option) Maker {
	return func(connString, name string, provider metric.MeterProvider) (*pgxpool.Pool, func(), error) {
		config, err := pgxpool.ParseConfig(connString)
		if err == nil {
			err = change(config)
		}
		if err != nil {
			return nil, nil, fmt.Errorf("peers: %w", err)
		}
		opts := append([]otelpool.Option{otelpool.WithPoolName(name), otelpool.WithMeterProvider(provider)}, opts...)
		pool, inst, err := otelpool.NewWithConfig(context.Background(), config, opts...)
		if err != nil {
			return nil, nil, fmt.Errorf("peers: %w", err)
		}
		return pool, func() { _ = inst.Unregister() }, nil
	}
}

// Otelpgx returns a maker of pools with otelpgx: its tracer, which records no spans here, and its statistics of the
// pool. An attribute distinguishes the pools.
func Otelpgx(opts ...otelpgx.Option) Maker {
	return func(connString, name string, provider metric.MeterProvider) (*pgxpool.Pool, func(), error) {
		pool := attribute.String("pool", name)
		opts := append([]otelpgx.Option{
			otelpgx.WithTracerProvider(tracenoop.NewTracerProvider()), otelpgx.WithMeterAttributes(pool),
		}, opts...)
		stats := []otelpgx.StatsOption{otelpgx.WithStatsAttributes(pool)}
		if provider != nil {
			opts = append(opts, otelpgx.WithMeterProvider(provider))
			stats = append(stats, otelpgx.WithStatsMeterProvider(provider))
		}
		p, end, err := Tracer(otelpgx.NewTracer(opts...))(connString, name, provider)
		if err != nil {
			return nil, nil, err
		}
		if err := otelpgx.RecordStats(p, stats...); err != nil {
			p.Close()
			return nil, nil, fmt.Errorf("peers: %w", err)
		}
		return p, end, nil
	}
}

// OtelpgxNames returns a maker of pools with otelpgx that record the name of each operation, by its own function.
func OtelpgxNames() Maker { return Otelpgx(otelpgx.WithMetricOperationName(otelpgx.SQLOperationName)) }

// Tracer returns a maker of pools with a tracer of any kind.
func Tracer(tracer pgx.QueryTracer) Maker {
	return func(connString, _ string, _ metric.MeterProvider) (*pgxpool.Pool, func(), error) {
		config, err := pgxpool.ParseConfig(connString)
		if err != nil {
			return nil, nil, fmt.Errorf("peers: %w", err)
		}
		config.ConnConfig.Tracer = tracer
		pool, err := pgxpool.NewWithConfig(context.Background(), config)
		if err != nil {
			return nil, nil, fmt.Errorf("peers: %w", err)
		}
		return pool, func() {}, nil
	}
}
