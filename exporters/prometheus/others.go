package prometheus

import (
	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// otherConverter converts the metrics of other libraries exactly as the official exporter does. It is not safe for
// concurrent use.
type otherConverter struct {
	*official
	registry *prometheus.Registry
}

// newOtherConverter returns a converter that must be attached to a resource before use.
func newOtherConverter(cfg config) (*otherConverter, error) {
	opts := cfg.othersOptions
	if cfg.resourceLabels != nil {
		opts = append(opts[:len(opts):len(opts)], otelprom.WithResourceAsConstantLabels(cfg.resourceLabels))
	}
	c := &otherConverter{registry: prometheus.NewRegistry()}
	var err error
	c.official, err = newOfficial(c.registry, opts...)
	return c, err
}

// families returns the metrics of scopes and of the resource as the official exporter's registry gathers them.
func (c *otherConverter) families(scopes []metricdata.ScopeMetrics) (families []*dto.MetricFamily, err error) {
	c.scopes = scopes
	defer func() { c.scopes = nil }()
	err = catchPanic("convert", func() (gatherErr error) {
		families, gatherErr = c.registry.Gather()
		return gatherErr
	})
	return families, err
}
