// Package record has one benchmark: a measurement by a histogram of the OpenTelemetry SDK, with an attribute set that
// already exists. It needs nothing but the SDK. To compare releases of the SDK, copy the file into an empty folder for
// each, run there
//
//	go mod init record
//	go get go.opentelemetry.io/otel/sdk/metric@v1.44.0
//	go mod tidy
//	go test -c
//
// and then run the test binaries in turns, with -test.bench . several times each.
package record

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// BenchmarkRecord records in one series of four attributes, on one goroutine, without a span.
func BenchmarkRecord(b *testing.B) {
	provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(sdkmetric.NewManualReader()))
	histogram, err := provider.Meter("bench").Float64Histogram("db.client.operation.duration", metric.WithUnit("s"),
		metric.WithExplicitBucketBoundaries(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10))
	if err != nil {
		b.Fatal(err)
	}
	options := []metric.RecordOption{metric.WithAttributeSet(attribute.NewSet(
		attribute.String("db.system.name", "postgresql"),
		attribute.String("db.client.connection.pool.name", "orders"),
		attribute.String("db.operation.name", "SELECT"),
		attribute.Int("server.port", 5432),
	))}
	ctx := b.Context()
	b.ReportAllocs()
	for b.Loop() {
		histogram.Record(ctx, 0.002, options...)
	}
}
