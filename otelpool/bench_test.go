package otelpool_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"

	"github.com/otelpool/otelpool-go/otelpool"
)

// allTracers is what the tracer of an instrumented pool implements.
type allTracers interface {
	pgx.QueryTracer
	pgxpool.AcquireTracer
	pgxpool.ReleaseTracer
}

// BenchmarkHooks runs the callbacks of one acquire, query and release, without a query: what we add to each.
func BenchmarkHooks(b *testing.B) {
	selectSQL := "SELECT id, name, email FROM users WHERE id = $1 AND deleted_at IS NULL ORDER BY created_at LIMIT 1"
	failure := &pgconn.PgError{Code: "23505"}
	for _, bb := range []struct {
		name     string
		provider metric.MeterProvider
		ctx      context.Context
		err      error
	}{
		{"no-op", noop.NewMeterProvider(), context.Background(), nil},
		{"SDK, by text", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), context.Background(), nil},
		{"SDK, by name", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), otelpool.WithOperation(context.Background(), "get_user"), nil},
		{"SDK, failing", sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader())), context.Background(), failure},
	} {
		b.Run(bb.name, func(b *testing.B) {
			config := parse(b, database(b))
			pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(bb.provider))
			if err != nil {
				b.Fatal(err)
			}
			defer pool.Close()
			defer inst.Unregister()
			held, err := pool.Acquire(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			defer held.Release()
			conn, tracer := held.Conn(), held.Conn().Config().Tracer.(allTracers)
			b.ReportAllocs()
			for b.Loop() {
				ctx := tracer.TraceAcquireStart(bb.ctx, pool, pgxpool.TraceAcquireStartData{})
				tracer.TraceAcquireEnd(ctx, pool, pgxpool.TraceAcquireEndData{Conn: conn})
				ctx = tracer.TraceQueryStart(bb.ctx, conn, pgx.TraceQueryStartData{SQL: selectSQL})
				tracer.TraceQueryEnd(ctx, conn, pgx.TraceQueryEndData{Err: bb.err})
				tracer.TraceRelease(pool, pgxpool.TraceReleaseData{Conn: conn})
			}
		})
	}
}

// BenchmarkCollect reads the gauges of a hundred pools.
func BenchmarkCollect(b *testing.B) {
	tel := newTelemetry(b)
	for i := range 100 {
		config := parse(b, "host=localhost")
		pool, inst, err := otelpool.NewWithConfig(context.Background(), config, otelpool.WithMeterProvider(tel.provider),
			otelpool.WithPoolName(fmt.Sprint("pool", i)))
		if err != nil {
			b.Fatal(err)
		}
		b.Cleanup(func() { pool.Close(); _ = inst.Unregister() })
	}
	b.ReportAllocs()
	for b.Loop() {
		var rm metricdata.ResourceMetrics
		if err := tel.reader.Collect(context.Background(), &rm); err != nil {
			b.Fatal(err)
		}
	}
}
