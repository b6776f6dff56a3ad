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

// conversionBuffer is how many series the official exporter may be ahead of the bridge.
const conversionBuffer = 256

// poolConverter converts and renames the metrics of pools. It is not safe for concurrent use.
//
// It takes the series from the official exporter's collector itself, one instrument at a time, and so has no need of a
// Registry, whose checks cost a quarter of the conversion. What they would find here is checked by normalize (duplicate
// series) or cannot happen: names and types come from the catalogue, label names are translated, and the official
// exporter refuses values that are not UTF-8 itself.
type poolConverter struct {
	*official
	collectors         collectors
	openTelemetryNames bool
	overflowed         map[string]bool // the instruments whose overflow was reported
}

// newPoolConverter returns a converter that is to be attached to a resource.
func newPoolConverter(cfg config) (*poolConverter, error) {
	opts := []otelprom.Option{otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo()}
	if cfg.resourceLabels != nil {
		opts = append(opts, otelprom.WithResourceAsConstantLabels(cfg.resourceLabels))
	}
	c := &poolConverter{openTelemetryNames: cfg.openTelemetryNames, overflowed: map[string]bool{}}
	var err error
	c.official, err = newOfficial(&c.collectors, opts...)
	return c, err
}

// presented is what the metrics of pools are shown as.
type presented struct {
	documented []*dto.MetricFamily
	translated []*dto.MetricFamily // those that have no other name, and the others if both were asked for
	overflows  []error             // one for each instrument that the SDK was seen to fold series of for the first time
}

// families returns the metrics of pools, which are by index in instruments.
func (c *poolConverter) families(pools [][]metricdata.Metrics) (presented, error) {
	var p presented
	var err error
	for i, metrics := range pools {
		if len(metrics) == 0 {
			continue
		}
		inst := &instruments[i]
		series, convertErr := c.convert(metrics)
		err = errors.Join(err, convertErr)
		if !c.overflowed[inst.name] && hasOverflow(series) {
			c.overflowed[inst.name] = true
			p.overflows = append(p.overflows, fmt.Errorf("prometheus: %q has more series than the SDK keeps apart, the rest is "+
				"in one with the label %s: raise the limit with sdkmetric.WithCardinalityLimit", inst.name, overflowLabel))
		}
		documented, translated := inst.present(series, metrics[0].Description, c.openTelemetryNames)
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
		panicked <- guard("convert", func() error {
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

// collectors is a Registerer that keeps what is registered with it, to be collected without a Registry.
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

// Unregister implements prometheus.Registerer. Nothing is ever unregistered.
func (*collectors) Unregister(prometheus.Collector) bool { return false }
