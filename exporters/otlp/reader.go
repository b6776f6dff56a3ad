package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// shutdownGrace is the time that Shutdown waits for the error of a push that ended because its time was over.
const shutdownGrace = 100 * time.Millisecond

// Reader is an sdkmetric.Reader that collects the metrics of its MeterProvider and pushes them to an OTLP receiver, at
// an interval and at ForceFlush and Shutdown. Create it with [NewReader]. It is safe for concurrent use.
type Reader struct {
	sdkmetric.Reader // a ManualReader without producers

	exporter  sdkmetric.Exporter
	mu        sync.Mutex // guards producers
	producers []sdkmetric.Producer
	timeout   time.Duration
	closeIdle func()                    // closes the connections that the exporter leaves open
	periodic  *sdkmetric.PeriodicReader // pushes what its pusher collects
}

// NewReader returns a reader that collects the metrics of its MeterProvider and sends them to an OTLP receiver, every
// minute by default. The options and the environment configure it. NewReader returns an error for an invalid setting.
//
// The reader opens no connection before the first export and retries while the receiver is down. Shutting down the
// MeterProvider exports the last values, stops the reader and closes its connections; ForceFlush exports immediately.
// Both end with their context. If it has no deadline, they end after the duration of [WithExportTimeout]. They may take
// that long if the receiver is down, because they retry. ctx is used for the construction only; the reader continues
// after ctx is canceled. A nil ctx counts as context.Background.
func NewReader(ctx context.Context, opts ...Option) (*Reader, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	c, err := newConfig(opts)
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	hide := newHider(c.target, c.headers)
	exporter, closeIdle, err := c.newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("otlp: create %s exporter: %w", c.protocol, hide(err))
	}
	r := &Reader{
		Reader: sdkmetric.NewManualReader(
			sdkmetric.WithTemporalitySelector(exporter.Temporality), sdkmetric.WithAggregationSelector(exporter.Aggregation)),
		exporter:  exporter,
		producers: c.producers,
		timeout:   c.exportTimeout,
		closeIdle: closeIdle,
	}
	p := &pusher{
		Exporter: exporter, hide: hide, collect: r.Collect, batchSize: c.batchSize,
		reported: make(map[[2]string]bool),
	}
	r.periodic = sdkmetric.NewPeriodicReader(p, sdkmetric.WithProducer(p), sdkmetric.WithInterval(c.interval),
		sdkmetric.WithTimeout(c.exportTimeout), sdkmetric.WithMaxExportBatchSize(c.batchSize))
	// A PeriodicReader asks its producers only if it has a MeterProvider. This one has no metrics of its own.
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(r.periodic))
	return r, nil
}

// Collect implements sdkmetric.Reader. It collects the metrics of the MeterProvider and then those of the producers. If
// some of them fail, it returns their errors, and collected has the metrics of the others.
func (r *Reader) Collect(ctx context.Context, collected *metricdata.ResourceMetrics) error {
	err := r.Reader.Collect(ctx, collected)
	if errors.Is(err, sdkmetric.ErrReaderNotRegistered) || errors.Is(err, sdkmetric.ErrReaderShutdown) || collected == nil {
		return err
	}
	r.mu.Lock()
	producers := r.producers
	r.mu.Unlock()
	for _, producer := range producers {
		produced, produceErr := producer.Produce(ctx)
		collected.ScopeMetrics = append(collected.ScopeMetrics, produced...)
		err = errors.Join(err, produceErr)
	}
	return err
}

// Temporality returns the temporality of the instruments of a kind.
func (r *Reader) Temporality(kind sdkmetric.InstrumentKind) metricdata.Temporality {
	return r.exporter.Temporality(kind)
}

// Aggregation returns the aggregation of the instruments of a kind, unless a View sets another.
func (r *Reader) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return r.exporter.Aggregation(kind)
}

// AddProducer adds the metrics of a producer to each later collection, as [WithProducer] does. The MeterProvider of
// package direct uses it. A nil producer is ignored.
func (r *Reader) AddProducer(producer sdkmetric.Producer) {
	if producer == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.producers = append(r.producers, producer)
}

// ForceFlush exports immediately. It returns when the export or ctx ends; without a deadline in ctx, after the duration
// of [WithExportTimeout] at the latest.
func (r *Reader) ForceFlush(ctx context.Context) error { return r.periodic.ForceFlush(ctx) }

// Shutdown exports the last values, stops the reader and closes its connections. It returns when that is done or ctx
// ends; without a deadline in ctx, after the duration of [WithExportTimeout] at the latest. If a callback ignores the
// end of its context, Shutdown does not wait for it. The reader then stops in the background.
func (r *Reader) Shutdown(ctx context.Context) error {
	cancel := func() {}
	if _, ok := ctx.Deadline(); !ok {
		ctx, cancel = context.WithTimeout(ctx, r.timeout)
	}
	done := make(chan error, 1)
	go func() {
		defer cancel()
		err := r.periodic.Shutdown(ctx)
		r.closeIdle()
		_ = r.Reader.Shutdown(ctx) // It fails only at the second Shutdown.
		if errors.Is(err, sdkmetric.ErrReaderNotRegistered) {
			err = nil
		}
		done <- err
	}()
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	select {
	case err := <-done:
		return err
	case <-time.After(shutdownGrace):
		return fmt.Errorf("otlp: shutdown continues in the background: %w", ctx.Err())
	}
}

// MarshalLog returns the description of the reader for the SDK's own log.
func (r *Reader) MarshalLog() any { return r.periodic.MarshalLog() }
