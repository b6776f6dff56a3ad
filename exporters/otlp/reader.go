package otlp

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

var _ sdkmetric.Reader = (*Reader)(nil)

const (
	// defaultInterval is the default of OTEL_METRIC_EXPORT_INTERVAL.
	defaultInterval = time.Minute
	// defaultExportTimeout is the default of OTEL_METRIC_EXPORT_TIMEOUT.
	defaultExportTimeout = 30 * time.Second

	// shutdownGrace is the time that Shutdown waits for the error of a push that ended because its time was over.
	shutdownGrace = 100 * time.Millisecond
)

// Reader is an sdkmetric.Reader that collects the metrics of its MeterProvider and pushes them to an OTLP receiver, at
// an interval and at ForceFlush and Shutdown. Create it with [NewReader]. It is safe for concurrent use.
//
// The SDK's own PeriodicReader is not used, for two reasons. It pushes nothing if a single callback fails. And if a
// push takes several requests, its time limit applies to each of them, also at Shutdown.
type Reader struct {
	sdkmetric.Reader // a ManualReader without producers

	exporter     sdkmetric.Exporter
	producers    []sdkmetric.Producer
	interval     time.Duration
	timeout      time.Duration
	maxBatchSize int
	panicked     bool // whether the last collection did; for push only

	flushes      chan chan error    // asks the loop for a push, and gets its error
	stop         context.CancelFunc // ends the loop, and a push that it is at
	stopped      chan struct{}      // closed when the loop has ended
	shutdownOnce sync.Once
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
	s, err := newSettings(newConfig(opts))
	if err != nil {
		return nil, fmt.Errorf("otlp: %w", err)
	}
	exporter, err := s.newExporter(ctx)
	if err != nil {
		return nil, fmt.Errorf("otlp: create %s exporter: %w", s.protocol, newHidingExporter(nil, s).hide(err))
	}
	return newReader(newHidingExporter(exporter, s), s), nil
}

func (s settings) newExporter(ctx context.Context) (sdkmetric.Exporter, error) {
	if s.protocol == ProtocolGRPC {
		return s.newGRPCExporter(ctx)
	}
	return s.newHTTPExporter(ctx)
}

// newReader returns a reader that has started to push.
func newReader(exporter sdkmetric.Exporter, s settings) *Reader {
	ctx, stop := context.WithCancel(context.Background())
	r := &Reader{
		Reader: sdkmetric.NewManualReader(
			sdkmetric.WithTemporalitySelector(exporter.Temporality),
			sdkmetric.WithAggregationSelector(exporter.Aggregation),
		),
		exporter:     newOverflowReporter(exporter),
		producers:    s.producers,
		interval:     orDefault(s.interval, defaultInterval),
		timeout:      orDefault(s.exportTimeout, defaultExportTimeout),
		maxBatchSize: s.maxExportBatchSize,
		flushes:      make(chan chan error),
		stop:         stop,
		stopped:      make(chan struct{}),
	}
	go r.run(ctx)
	return r
}

func orDefault(d, otherwise time.Duration) time.Duration {
	if d == 0 {
		return otherwise
	}
	return d
}

// run pushes at each interval and for each flush, until ctx ends.
func (r *Reader) run(ctx context.Context) {
	defer close(r.stopped)
	ticker := time.NewTicker(r.interval)
	defer ticker.Stop()
	for {
		select {
		case <-ticker.C:
			if err := r.pushWithin(ctx, r.timeout); err != nil {
				otel.Handle(err)
			}
		case done := <-r.flushes:
			done <- r.pushWithin(ctx, r.timeout)
			ticker.Reset(r.interval)
		case <-ctx.Done():
			return
		}
	}
}

func (r *Reader) pushWithin(ctx context.Context, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	return r.push(ctx)
}

// push collects and exports. It exports what could be collected, even if callbacks or producers fail, and returns their
// errors. ctx has a deadline and limits all of it. Callbacks are given half of the time, so that one that waits for the
// end of its context leaves time to export the rest.
func (r *Reader) push(ctx context.Context) error {
	var collected metricdata.ResourceMetrics
	err := r.collectInHalfTheTime(ctx, &collected)
	if collected.Resource == nil { // The SDK sets it whenever it collects anything.
		return err
	}
	requests := splitBatches(&collected, r.maxBatchSize)
	for i, request := range requests {
		exportErr := r.exporter.Export(ctx, request)
		err = errors.Join(err, exportErr)
		if left := len(requests) - i - 1; exportErr != nil && ctx.Err() != nil && left > 0 {
			return errors.Join(err, fmt.Errorf("otlp: %d of %d requests are left out: %w", left, len(requests), ctx.Err()))
		}
	}
	return err
}

func (r *Reader) collectInHalfTheTime(ctx context.Context, collected *metricdata.ResourceMetrics) (err error) {
	if deadline, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(deadline)/2)
		defer cancel()
	}
	// recover: a callback that panics must not crash the program
	defer func() {
		if p := recover(); p != nil {
			r.panicked = true
			err = fmt.Errorf("otlp: collect panicked: %v", p)
		}
	}()
	if r.panicked && r.exporter.Temporality(sdkmetric.InstrumentKindObservableCounter) == metricdata.CumulativeTemporality {
		// The SDK still has what callbacks observed before the panic, and would add what they observe now.
		_ = r.Reader.Collect(ctx, &metricdata.ResourceMetrics{})
	}
	r.panicked = false
	return r.Collect(ctx, collected)
}

// Collect implements sdkmetric.Reader. It collects the metrics of the MeterProvider and then those of the producers
// that [WithProducer] added. If some of them fail, it returns their errors, and collected has the metrics of the
// others.
func (r *Reader) Collect(ctx context.Context, collected *metricdata.ResourceMetrics) error {
	err := r.Reader.Collect(ctx, collected)
	if errors.Is(err, sdkmetric.ErrReaderNotRegistered) || errors.Is(err, sdkmetric.ErrReaderShutdown) || collected == nil {
		return err
	}
	for _, producer := range r.producers {
		produced, produceErr := producer.Produce(ctx)
		collected.ScopeMetrics = append(collected.ScopeMetrics, produced...)
		err = errors.Join(err, produceErr)
	}
	return err
}

// ForceFlush exports immediately. It returns when the export or ctx ends; without a deadline in ctx, after the duration
// of [WithExportTimeout] at the latest.
func (r *Reader) ForceFlush(ctx context.Context) error {
	ctx, cancel := r.limit(ctx)
	defer cancel()
	done := make(chan error, 1)
	select {
	case r.flushes <- done:
	case <-r.stopped:
		return sdkmetric.ErrReaderShutdown
	case <-ctx.Done():
		return ctx.Err()
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// Shutdown exports the last values, stops the reader and closes its connections. It returns when that is done or ctx
// ends; without a deadline in ctx, after the duration of [WithExportTimeout] at the latest. If a callback ignores the
// end of its context, Shutdown does not wait for it. The reader then stops in the background.
func (r *Reader) Shutdown(ctx context.Context) error {
	err := sdkmetric.ErrReaderShutdown
	r.shutdownOnce.Do(func() {
		ctx, cancel := r.limit(ctx)
		done := make(chan error, 1)
		go func() {
			defer cancel()
			done <- r.shutdown(ctx)
		}()
		err = waitFor(ctx, done)
	})
	return err
}

// shutdown stops the loop, pushes once more, and releases everything.
func (r *Reader) shutdown(ctx context.Context) error {
	r.stop()
	<-r.stopped
	err := r.push(ctx)
	if errors.Is(err, sdkmetric.ErrReaderNotRegistered) {
		err = nil
	}
	return errors.Join(err, r.Reader.Shutdown(ctx), r.exporter.Shutdown(ctx))
}

// waitFor returns the error of done, or that of ctx if done is still empty shortly after ctx ended.
func waitFor(ctx context.Context, done <-chan error) error {
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
	}
	grace := time.NewTimer(shutdownGrace)
	defer grace.Stop()
	select {
	case err := <-done:
		return err
	case <-grace.C:
		return fmt.Errorf("otlp: shutdown continues in the background: %w", ctx.Err())
	}
}

// limit returns ctx with a deadline: its own, or after the time-out of exports.
func (r *Reader) limit(ctx context.Context) (context.Context, context.CancelFunc) {
	if _, ok := ctx.Deadline(); ok {
		return context.WithCancel(ctx)
	}
	return context.WithTimeout(ctx, r.timeout)
}

// MarshalLog returns the description of the reader for the SDK's own log.
func (r *Reader) MarshalLog() any {
	return struct {
		Type     string
		Interval time.Duration
		Timeout  time.Duration
	}{"otelpool OTLP reader", r.interval, r.timeout}
}
