package otlp

import (
	"context"

	"go.opentelemetry.io/otel/exporters/otlp/otlpmetric/otlpmetricgrpc"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding"
)

func (s settings) newGRPCExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	// Always set credentials: the exporter would use the TLS files of the environment even for a plain-text endpoint.
	creds := insecure.NewCredentials()
	if s.clientTLS != nil {
		creds = credentials.NewTLS(s.clientTLS)
	}
	opts := []otlpmetricgrpc.Option{
		otlpmetricgrpc.WithEndpoint(s.target.address),
		otlpmetricgrpc.WithTLSCredentials(creds),
	}
	switch s.compression {
	case CompressionGzip:
		opts = append(opts, otlpmetricgrpc.WithCompressor("gzip"))
	case CompressionNone:
		// The exporter has no option that overrides gzip of the environment.
		opts = append(opts, otlpmetricgrpc.WithDialOption(
			grpc.WithDefaultCallOptions(grpc.UseCompressor(encoding.Identity))))
	}
	if s.headers != nil {
		opts = append(opts, otlpmetricgrpc.WithHeaders(s.headers))
	}
	if s.timeout > 0 {
		opts = append(opts, otlpmetricgrpc.WithTimeout(s.timeout))
	}
	if s.retry != nil {
		opts = append(opts, otlpmetricgrpc.WithRetry(otlpmetricgrpc.RetryConfig(*s.retry)))
	}
	if s.temporality != nil {
		opts = append(opts, otlpmetricgrpc.WithTemporalitySelector(s.temporality))
	}
	if s.aggregation != nil {
		opts = append(opts, otlpmetricgrpc.WithAggregationSelector(s.aggregation))
	}
	return otlpmetricgrpc.New(ctx, opts...)
}
