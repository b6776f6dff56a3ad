package otlp

import (
	"context"
	"fmt"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// NewReader returns a reader that collects the metrics of the MeterProvider it
// is given to and sends them to an OTLP receiver, every minute by default. The
// options and the environment configure it; what cannot be used in them is an
// error.
//
// NewReader connects to nothing and does not wait, so it works while the
// receiver is down. Shutting down the MeterProvider sends what is there, stops
// the reader and closes its connections; ForceFlush sends at once. Give both a
// context with a deadline: without one, an unreachable receiver can hold them
// for as long as [WithExportTimeout] says. ctx is for the construction alone:
// when it ends later, the reader goes on. A nil ctx counts as
// context.Background.
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
	return sdkmetric.NewPeriodicReader(watch(exporter), s.readerOptions()...), nil
}

func (s settings) newExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if s.protocol == ProtocolGRPC {
		return s.newGRPCExporter(ctx)
	}
	return s.newHTTPExporter(ctx)
}

func (s settings) readerOptions() []sdkmetric.PeriodicReaderOption {
	// The SDK takes a duration of 0 as its default.
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
