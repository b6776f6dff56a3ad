package prometheus

import (
	"errors"
	"fmt"
	"sync"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Collector returns a prometheus.Collector of the pools' documented metrics for an existing registry. With
// WithFullCollector it has the whole page of the exporter, and with WithOpenTelemetryNames also the pools' metrics under
// their translated names.
//
// The collector reserves the documented names in the registry. Registering it is an error if another collector has one
// of them: Register leaves out such metrics instead. The error is a prometheus.AlreadyRegisteredError if the registry
// has the collector of this exporter. One registry can have the collectors of several exporters. If two of them read
// the same pool, the registry still gets each of its series only once. There are two exceptions: a collector registered
// through prometheus.WrapRegistererWith, and more than 16 simultaneous scrapes of the registry. The registry may then
// report duplicate series as an error.
//
// An error of the exporter does not fail the registry's page; it goes to the error handler. The collector has no metrics
// after the MeterProvider is shut down. A pedantic registry, such as that of package testutil, rejects the metrics,
// because their labels are not known before they are collected: give it the Exporter as a prometheus.Gatherer.
func (e *Exporter) Collector() prometheus.Collector { return &collector{exporter: e} }

type collector struct {
	exporter  *Exporter
	taken     map[string]bool // the metrics that are left out
	duplicate sync.Once       // reports a series that another exporter's collector has
}

// Describe implements prometheus.Collector.
func (c *collector) Describe(descs chan<- *prometheus.Desc) {
	marker.describe(c.exporter.id, descs)
	for _, r := range reservations {
		if !c.taken[r.metric] {
			r.describe(c.exporter.id, descs)
		}
	}
}

// Collect implements prometheus.Collector.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	p := newPage()
	c.exporter.gatherOwn(p, c.exporter.cfg.fullCollector)
	if err := p.err(); err != nil && !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		c.exporter.cfg.errorHandler.Handle(err)
	}
	for name := range c.taken {
		delete(p.families, name)
	}
	families := p.sorted()
	if dropped := dropSent(metrics, c.exporter.id, families); dropped != "" {
		c.duplicate.Do(func() {
			c.exporter.cfg.errorHandler.Handle(fmt.Errorf("prometheus: metric %q has series that the collector of another "+
				"exporter in the registry also has, and which are sent only once: register one of the two, or give their pools different names", dropped))
		})
	}
	unshare(families)
	for _, family := range families {
		// The registry reads the name and the help text from Desc, and the labels from Write.
		desc := prometheus.NewDesc(family.GetName(), family.GetHelp(), nil, nil)
		for _, m := range family.Metric {
			metrics <- series{desc: desc, metric: m}
		}
	}
}

// series is a prometheus.Metric that is already gathered.
type series struct {
	desc   *prometheus.Desc
	metric *dto.Metric
}

// Desc implements prometheus.Metric.
func (s series) Desc() *prometheus.Desc { return s.desc }

// Write implements prometheus.Metric.
func (s series) Write(m *dto.Metric) error {
	copyMetric(m, s.metric)
	return nil
}
