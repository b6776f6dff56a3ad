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

// Exporter is a metric.Reader of the OpenTelemetry SDK whose metrics can be scraped by Prometheus. Make it with New,
// register it with one MeterProvider, and serve it as an http.Handler or gather it as a prometheus.Gatherer. It is safe
// for concurrent use.
type Exporter struct {
	sdkmetric.Reader

	cfg     config
	handler http.Handler
	scratch atomic.Pointer[metricdata.ResourceMetrics] // of the last scrape: the SDK uses its memory again

	mu       sync.Mutex // guards what follows
	pools    *poolConverter
	others   *otherConverter
	attached bool
}

// New returns an Exporter. Its temporality is cumulative, as Prometheus needs it.
func New(opts ...Option) (*Exporter, error) {
	cfg, err := newConfig(opts)
	if err != nil {
		return nil, err
	}
	e := &Exporter{cfg: cfg}
	if e.pools, err = newPoolConverter(cfg); err != nil {
		return nil, err
	}
	if e.others, err = newOtherConverter(cfg); err != nil {
		return nil, err
	}
	e.Reader = sdkmetric.NewManualReader(cfg.readerOptions...)
	e.handler = newHandler(e)
	return e, nil
}

// MarshalLog returns what the SDK's own log says of the exporter.
func (*Exporter) MarshalLog() any {
	return struct{ Type string }{Type: "otelpool Prometheus exporter"}
}

// Gather implements prometheus.Gatherer: it collects the MeterProvider's metrics once and then those of the registries
// joined by WithGatherer. With an error it still returns what could be gathered, which is nothing of the exporter's own
// before it is registered with a MeterProvider (the error is then an sdkmetric.ErrReaderNotRegistered) and after that is
// shut down (sdkmetric.ErrReaderShutdown).
func (e *Exporter) Gather() ([]*dto.MetricFamily, error) {
	p := newPage()
	e.gatherOwn(p)
	for _, joined := range e.cfg.joined {
		p.note(guard("gather a joined registry", func() error {
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

// gatherOwn puts the metrics of the MeterProvider on the page.
func (e *Exporter) gatherOwn(p *page) {
	collected := e.scratch.Swap(nil)
	if collected == nil {
		collected = &metricdata.ResourceMetrics{}
	}
	usable, err := e.collect(collected)
	p.note(err)
	if !usable {
		return
	}

	// The handler may be anything, even something that gathers: the lock is free again when it is called.
	var overflows []error
	p.note(guard("convert", func() error {
		overflows = e.convert(collected, p)
		return nil
	}))
	for _, overflow := range overflows {
		e.cfg.errorHandler.Handle(overflow)
	}
	// Memory that came from a producer is the producer's, and the SDK would overwrite it.
	if !e.cfg.hasProducers {
		e.scratch.Store(collected)
	}
}

// collect has the SDK fill collected and tells whether it did, in whole or in part.
func (e *Exporter) collect(collected *metricdata.ResourceMetrics) (usable bool, err error) {
	err = guard("collect", func() error {
		collectErr := e.Reader.Collect(context.Background(), collected)
		usable = !errors.Is(collectErr, sdkmetric.ErrReaderNotRegistered) && !errors.Is(collectErr, sdkmetric.ErrReaderShutdown)
		if collectErr != nil && usable {
			return fmt.Errorf("prometheus: collect: %w", collectErr)
		}
		return explain(collectErr)
	})
	return usable, err
}

// convert puts what was collected on the page and returns what is to be said once about series that overflowed.
func (e *Exporter) convert(collected *metricdata.ResourceMetrics, p *page) (overflows []error) {
	pools, others := split(fitExemplars(collected.ScopeMetrics))

	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.attached {
		e.pools.attach(collected.Resource)
		e.others.attach(collected.Resource)
		e.attached = true
	}
	ours, err := e.pools.families(pools)
	p.note(err)
	theirs, err := e.others.families(others)
	p.note(err)

	// The first on the page decides on type and help text: the documented metrics are what this package promises, and
	// other libraries' metrics pass through untouched even if ours have the same translated name.
	p.add(ours.documented)
	p.add(theirs)
	p.add(ours.translated)
	return ours.overflows
}

// explain says what to do about a reader that cannot collect.
func explain(err error) error {
	switch {
	case errors.Is(err, sdkmetric.ErrReaderNotRegistered):
		return fmt.Errorf("prometheus: give the exporter to a MeterProvider with sdkmetric.WithReader: %w", err)
	case errors.Is(err, sdkmetric.ErrReaderShutdown):
		return fmt.Errorf("prometheus: the MeterProvider is shut down: %w", err)
	default:
		return err
	}
}
