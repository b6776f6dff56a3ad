package otlp

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// NewReader returns a reader that collects the metrics of its MeterProvider and sends them to an OTLP receiver, every
// minute by default. The options and the environment configure it. NewReader returns an error for an invalid setting.
//
// NewReader opens no connection and does not wait, so it works while the receiver is down. Shutting down the
// MeterProvider exports the last values, stops the reader and closes its connections; ForceFlush exports immediately.
// Call both with a context that has a deadline: otherwise an unreachable receiver can block them for the duration of
// [WithExportTimeout]. ctx is used for the construction only; the reader continues after ctx is canceled. A nil ctx
// counts as context.Background.
func NewReader(ctx context.Context, opts ...Option) (*sdkmetric.PeriodicReader, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	s, err := newSettings(newConfig(opts))
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	exporter, err := s.newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("otlp: create %s exporter: %w", s.protocol, err)
	}
	return sdkmetric.NewPeriodicReader(newOverflowReporter(exporter), s.readerOptions()...), nil
}

func (s settings) newExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if s.protocol == ProtocolGRPC {
		return s.newGRPCExporter(ctx)
	}
	return s.newHTTPExporter(ctx)
}

func (s settings) readerOptions() []sdkmetric.PeriodicReaderOption {
	// The SDK replaces a duration of 0 with its default.
	opts := []sdkmetric.PeriodicReaderOption{
		sdkmetric.WithInterval(s.interval),
		sdkmetric.WithTimeout(s.exportTimeout),
		sdkmetric.WithMaxExportBatchSize(s.maxExportBatchSize),
	}
	for _, p := range s.producers {
		opts = append(opts, sdkmetric.WithProducer(p))
	}
	return opts
}
