package prometheus

import (
	"errors"
	"fmt"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// conversionBuffer is the number of series that the official exporter may be ahead of the converter.
const conversionBuffer = 256

// poolConverter converts and renames the metrics of pools. It is not safe for concurrent use.
//
// It reads the series from the official exporter's collector directly, one instrument at a time. A Registry would check
// them for a quarter of the cost of the conversion, and it is not needed: normalize removes duplicate series, names and
// types come from the catalogue, label names are translated, and the official exporter rejects invalid UTF-8.
type poolConverter struct {
	*official
	collectors         collectors
	openTelemetryNames bool
	overflowed         map[string]bool // the instruments whose overflow was reported
}

// newPoolConverter returns a converter that must be attached to a resource before use.
func newPoolConverter(cfg config) (*poolConverter, error) {
	c := &poolConverter{openTelemetryNames: cfg.openTelemetryNames, overflowed: map[string]bool{}}
	var err error
	c.official, err = newOfficial(&c.collectors, otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
	return c, err
}

// poolFamilies holds the metric families of pools.
type poolFamilies struct {
	documented []*dto.MetricFamily
	translated []*dto.MetricFamily // metrics without a documented name, or all with WithOpenTelemetryNames
	overflows  []error             // one for each instrument whose series overflowed for the first time
}

// families returns the families of pool metrics, which are ordered by index in instruments. It adds resourceLabels to all
// series.
func (c *poolConverter) families(pools [][]metricdata.Metrics, resourceLabels []*dto.LabelPair) (poolFamilies, error) {
	var p poolFamilies
	var err error
	for i, metrics := range pools {
		if len(metrics) == 0 {
			continue
		}
		inst := &instruments[i]
		series, convertErr := c.convert(metrics)
		err = errors.Join(err, convertErr)
		addLabels(series, resourceLabels)
		if !c.overflowed[inst.name] && hasOverflow(series) {
			c.overflowed[inst.name] = true
			p.overflows = append(p.overflows, fmt.Errorf("prometheus: %q has more series than the SDK keeps apart, the rest "+
				"are one series with the label %s: raise the limit with sdkmetric.WithCardinalityLimit", inst.name, overflowLabel))
		}
		documented, translated := inst.families(series, metrics[0].Description, c.openTelemetryNames)
		p.documented = append(p.documented, documented...)
		p.translated = append(p.translated, translated)
	}
	for _, family := range slices.Concat(p.documented, p.translated) {
		err = errors.Join(err, normalize(family))
	}
	return p, err
}

// convert returns the series of the metrics of one instrument.
func (c *poolConverter) convert(metrics []metricdata.Metrics) (series []*dto.Metric, err error) {
	c.scopes = []metricdata.ScopeMetrics{{Metrics: metrics}}
	defer func() { c.scopes = nil }()

	converted := make(chan prometheus.Metric, conversionBuffer)
	panicked := make(chan error, 1)
	go func() {
		defer close(converted)
		panicked <- catchPanic("convert", func() error {
			for _, collector := range c.collectors {
				collector.Collect(converted)
			}
			return nil
		})
	}()
	// Whatever happens here, the collector must be able to finish.
	defer func() {
		for range converted {
			continue
		}
	}()
	for metric := range converted {
		m := &dto.Metric{}
		if writeErr := metric.Write(m); writeErr != nil {
			err = errors.Join(err, fmt.Errorf("prometheus: convert %q: %w", metrics[0].Name, writeErr))
			continue
		}
		series = append(series, m)
	}
	return series, errors.Join(err, <-panicked)
}

// collectors is a Registerer that keeps its collectors, so that they can be collected without a Registry.
type collectors []prometheus.Collector

// Register implements prometheus.Registerer.
func (c *collectors) Register(collector prometheus.Collector) error {
	*c = append(*c, collector)
	return nil
}

// MustRegister implements prometheus.Registerer.
func (c *collectors) MustRegister(more ...prometheus.Collector) {
	*c = append(*c, more...)
}

// Unregister implements prometheus.Registerer. It does nothing.
func (*collectors) Unregister(prometheus.Collector) bool { return false }
