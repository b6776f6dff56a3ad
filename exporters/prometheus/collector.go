package prometheus

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
)

// Collector returns a prometheus.Collector of the exporter's own metrics for an existing registry. It is unchecked: it
// describes no metrics, because they are not known before they are collected. An error does not fail the registry's
// page; it goes to the exporter's error handler. The collector has no metrics after the MeterProvider is shut down.
func (e *Exporter) Collector() prometheus.Collector {
	return &collector{exporter: e}
}

type collector struct {
	exporter *Exporter
}

// Describe implements prometheus.Collector.
func (*collector) Describe(chan<- *prometheus.Desc) {}

// Collect implements prometheus.Collector.
func (c *collector) Collect(metrics chan<- prometheus.Metric) {
	p := newPage()
	c.exporter.gatherOwn(p)
	if err := p.err(); err != nil && !errors.Is(err, sdkmetric.ErrReaderShutdown) {
		c.exporter.cfg.errorHandler.Handle(err)
	}
	for _, family := range p.sorted() {
		// The registry reads the name and the help text of an unchecked metric from Desc, and the labels from Write.
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
