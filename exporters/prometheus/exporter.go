package prometheus

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

var (
	_ sdkmetric.Reader    = (*Exporter)(nil)
	_ http.Handler        = (*Exporter)(nil)
	_ prometheus.Gatherer = (*Exporter)(nil)
)

// Exporter is an sdkmetric.Reader whose metrics Prometheus can scrape. Create it with New, register it with one
// MeterProvider, and serve it as an http.Handler or gather it as a prometheus.Gatherer. It is safe for concurrent use.
type Exporter struct {
	sdkmetric.Reader // a ManualReader without producers

	id          string // unique in the process
	cfg         config
	sharer      sharer
	inFlight    atomic.Int64 // requests
	disconnects atomic.Int64
	scratch     atomic.Pointer[metricdata.ResourceMetrics] // of the last scrape: the SDK reuses its memory

	collecting sync.Mutex // held while the MeterProvider is collected
	panicked   bool       // whether the last collection panicked; guarded by collecting

	mu        sync.Mutex // guards the fields below
	producers []sdkmetric.Producer
	pools     *poolConverter
	others    *official
	attached  bool

	resourceLabels []*dto.LabelPair // of all series
}

// New returns an Exporter. Its temporality is cumulative, as Prometheus requires.
func New(opts ...Option) (*Exporter, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	e := &Exporter{id: newExporterID(), cfg: cfg, producers: cfg.producers}
	if e.pools, err = newPoolConverter(cfg.openTelemetryNames); err != nil {
		return nil, err
	}
	if e.others, err = newOfficial(cfg.othersOptions...); err != nil {
		return nil, err
	}
	e.Reader = sdkmetric.NewManualReader(sdkmetric.WithAggregationSelector(cfg.aggregation))
	e.sharer.fill = e.fillPages
	return e, nil
}

// Temporality returns the temporality of all instruments, which is cumulative.
func (e *Exporter) Temporality(sdkmetric.InstrumentKind) metricdata.Temporality {
	return metricdata.CumulativeTemporality
}

// Aggregation returns the aggregation of the instruments of a kind, unless a View sets another.
func (e *Exporter) Aggregation(kind sdkmetric.InstrumentKind) sdkmetric.Aggregation {
	return e.cfg.aggregation(kind)
}

// AddProducer adds the metrics of a producer to each later collection, as [WithProducer] does. The MeterProvider of
// package direct uses it. A nil producer is ignored.
func (e *Exporter) AddProducer(producer sdkmetric.Producer) {
	if producer == nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	e.producers = append(e.producers, producer)
}

// MarshalLog returns the description of the exporter for the SDK's own log.
func (*Exporter) MarshalLog() any {
	return struct{ Type string }{Type: "otelpool Prometheus exporter"}
}

// Gather implements prometheus.Gatherer. It collects the MeterProvider's metrics once and then those of the registries
// that WithGatherer joined. It returns the families it could gather together with any error. The exporter has no
// metrics of its own before it is registered with a MeterProvider (the error is then an
// sdkmetric.ErrReaderNotRegistered) and after the provider is shut down (sdkmetric.ErrReaderShutdown).
func (e *Exporter) Gather() ([]*dto.MetricFamily, error) {
	families, err := e.gather()
	unshare(families)
	return families, err
}

// gather is Gather for callers that do not change the labels, which gatherings share.
func (e *Exporter) gather() ([]*dto.MetricFamily, error) {
	p := newPage()
	e.gatherOwn(p, true)
	for _, joined := range e.cfg.joined {
		p.addError(catchPanic("gather a joined registry", func() error {
			families, err := joined.Gather()
			p.join(families)
			if err != nil {
				return fmt.Errorf("prometheus: gather a joined registry: %w", err)
			}
			return nil
		}))
	}
	return p.sorted(), p.err()
}

// gatherOwn adds the metrics of the MeterProvider to the page: all of them, or the pools' under the names that the
// options ask for.
func (e *Exporter) gatherOwn(p *page, all bool) {
	collected := e.scratch.Swap(nil)
	if collected == nil {
		collected = &metricdata.ResourceMetrics{}
	}
	fromSDK, usable, err := e.collect(collected)
	p.addError(err)
	if !usable {
		return
	}

	// The error handler may call Gather, so it must be called without the lock.
	var overflows []error
	p.addError(catchPanic("convert", func() error {
		overflows = e.convert(collected, p, all)
		return nil
	}))
	for _, overflow := range overflows {
		e.cfg.errorHandler.Handle(overflow)
	}
	// The SDK reuses these scopes. The others belong to producers.
	collected.ScopeMetrics = collected.ScopeMetrics[:fromSDK:fromSDK]
	e.scratch.Store(collected)
}

// Collect implements sdkmetric.Reader. It collects the metrics of the MeterProvider and then those of the producers. If
// some of them fail, it returns their errors, and collected has the metrics of the others.
func (e *Exporter) Collect(ctx context.Context, collected *metricdata.ResourceMetrics) error {
	_, err := e.collectAll(ctx, collected)
	return err
}

// collectAll does the work of Collect. It also returns how many scopes are the SDK's; they come first.
func (e *Exporter) collectAll(ctx context.Context, collected *metricdata.ResourceMetrics) (fromSDK int, err error) {
	err = e.collectProvider(ctx, collected)
	if cannotCollect(err) || collected == nil {
		return 0, err
	}
	fromSDK = len(collected.ScopeMetrics)
	e.mu.Lock()
	producers := e.producers
	e.mu.Unlock()
	for _, producer := range producers {
		produced, produceErr := producer.Produce(ctx)
		collected.ScopeMetrics = append(collected.ScopeMetrics, produced...)
		err = errors.Join(err, produceErr)
	}
	return fromSDK, err
}

// collectProvider collects the metrics of the MeterProvider.
func (e *Exporter) collectProvider(ctx context.Context, collected *metricdata.ResourceMetrics) error {
	e.collecting.Lock()
	defer e.collecting.Unlock()
	again := e.panicked
	e.panicked = true
	if again {
		// The SDK still has the observations from before the panic, and would add the new ones.
		_ = e.Reader.Collect(ctx, &metricdata.ResourceMetrics{})
	}
	err := e.Reader.Collect(ctx, collected)
	e.panicked = again && ctx.Err() != nil // no callback was called; a panic does not get here
	return err
}

// collect calls collectAll and returns a panic as an error. usable reports whether the collection succeeded at least in
// part.
func (e *Exporter) collect(collected *metricdata.ResourceMetrics) (fromSDK int, usable bool, err error) {
	err = catchPanic("collect", func() (collectErr error) {
		fromSDK, collectErr = e.collectAll(context.Background(), collected)
		usable = !cannotCollect(collectErr)
		if collectErr != nil && usable {
			return fmt.Errorf("prometheus: collect: %w", collectErr)
		}
		return explain(collectErr)
	})
	return fromSDK, usable, err
}

// convert adds the collected metrics to the page, as gatherOwn does. It returns an error for each instrument whose
// series overflowed for the first time.
func (e *Exporter) convert(collected *metricdata.ResourceMetrics, p *page, all bool) (overflows []error) {
	pools, others := split(sanitizeExemplars(collected.ScopeMetrics))

	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.attached {
		e.pools.exponential.attach(collected.Resource)
		e.others.attach(collected.Resource)
		var err error
		e.resourceLabels, err = constantLabels(collected.Resource, e.cfg.resourceLabels)
		p.addError(err)
		e.attached = true
	}
	ours, err := e.pools.families(pools, e.resourceLabels)
	p.addError(err)
	if !all {
		p.add(ours.documented)
		if e.cfg.openTelemetryNames {
			p.add(ours.translated)
		}
		return ours.overflows
	}
	theirs, err := e.others.families(others, e.resourceLabels)
	p.addError(err)

	// The first family of a name sets its type and help text. The documented metrics come first because their names are
	// the contract of this package. Other libraries' metrics come before the translated ones so that they stay
	// unchanged.
	p.add(ours.documented)
	p.add(theirs)
	p.add(ours.translated)
	return ours.overflows
}

// cannotCollect reports whether an error is that of a reader without a MeterProvider, or with one that is shut down.
func cannotCollect(err error) bool {
	return errors.Is(err, sdkmetric.ErrReaderNotRegistered) || errors.Is(err, sdkmetric.ErrReaderShutdown)
}

// explain adds advice to the error of a reader that cannot collect.
func explain(err error) error {
	switch {
	case errors.Is(err, sdkmetric.ErrReaderNotRegistered):
		return fmt.Errorf("prometheus: register the exporter with a MeterProvider (sdkmetric.WithReader): %w", err)
	case errors.Is(err, sdkmetric.ErrReaderShutdown):
		return fmt.Errorf("prometheus: the MeterProvider is shut down: %w", err)
	default:
		return err
	}
}
