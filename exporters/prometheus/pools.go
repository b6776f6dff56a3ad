package prometheus

import (
	"errors"
	"fmt"
	"slices"

	dto "github.com/prometheus/client_model/go"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// poolConverter converts and renames the metrics of pools. It is not safe for concurrent use.
type poolConverter struct {
	exponential        *official // converts exponential histograms
	labels             labelCache
	openTelemetryNames bool
	overflowed         map[string]bool // the instruments whose overflow was reported
}

// newPoolConverter returns a converter that must be attached to a resource before use.
func newPoolConverter(openTelemetryNames bool) (*poolConverter, error) {
	c := &poolConverter{openTelemetryNames: openTelemetryNames, overflowed: map[string]bool{}}
	c.labels = labelCache{sets: labelSets{}, last: labelSets{}}
	var err error
	c.exponential, err = newOfficial(otelprom.WithoutScopeInfo(), otelprom.WithoutTargetInfo())
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
	c.labels.resource = resourceLabels
	defer c.labels.endGathering()
	for i, metrics := range pools {
		if len(metrics) == 0 {
			continue
		}
		inst := &instruments[i]
		conv := c.convert(metrics)
		for _, row := range inst.rows {
			if row.Documented != "" {
				p.documented = append(p.documented, conv.family(row.Documented, row.Help, inst.kind,
					func(s *labelSet) []*dto.LabelPair { return s.of(row) }))
			}
		}
		if c.openTelemetryNames || !inst.isDocumented("") {
			p.translated = append(p.translated, conv.family(inst.rows[0].TranslatedName(), metrics[0].Description, inst.kind,
				func(s *labelSet) []*dto.LabelPair {
					if !c.openTelemetryNames && inst.isDocumented(s.state) {
						return nil
					}
					return s.translated
				}))
		}
		err = errors.Join(err, errors.Join(conv.errs...))
		if conv.overflow && !c.overflowed[inst.name] {
			c.overflowed[inst.name] = true
			p.overflows = append(p.overflows, fmt.Errorf("prometheus: %q has more series than the MeterProvider's limit: the rest "+
				"are merged into one series with the label %s: raise the limit with WithCardinalityLimit", inst.name, overflowLabel))
		}
	}
	for _, family := range slices.Concat(p.documented, p.translated) {
		err = errors.Join(err, normalize(family))
	}
	return p, err
}

// convert converts the metrics of one instrument.
func (c *poolConverter) convert(metrics []metricdata.Metrics) conversion {
	conv := conversion{labelCache: &c.labels, name: metrics[0].Name}
	for _, m := range metrics {
		if conv.add(m.Data) {
			continue
		}
		families, err := c.exponential.families([]metricdata.ScopeMetrics{{Metrics: []metricdata.Metrics{m}}}, nil)
		if err != nil {
			conv.fail(err)
		}
		for _, family := range families {
			for _, m := range family.Metric {
				conv.addSeries(m, newLabelSet(m.Label, c.labels.resource))
			}
		}
	}
	return conv
}
