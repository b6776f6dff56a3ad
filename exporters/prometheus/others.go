package prometheus

import (
	"errors"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

// targetInfo is the metric whose labels are the attributes of the resource.
const targetInfo = "target_info"

// otherConverter converts the metrics of other libraries exactly as the official exporter does. It is not safe for
// concurrent use.
type otherConverter struct {
	*official
	registry *prometheus.Registry
}

// newOtherConverter returns a converter that must be attached to a resource before use.
func newOtherConverter(cfg config) (*otherConverter, error) {
	c := &otherConverter{registry: prometheus.NewRegistry()}
	var err error
	c.official, err = newOfficial(c.registry, cfg.othersOptions...)
	return c, err
}

// families returns the metrics of scopes and of the resource as the official exporter's registry gathers them. It adds
// resourceLabels to all series but that of the resource.
func (c *otherConverter) families(scopes []metricdata.ScopeMetrics, resourceLabels []*dto.LabelPair) (families []*dto.MetricFamily, err error) {
	c.scopes = scopes
	defer func() { c.scopes = nil }()
	err = catchPanic("convert", func() (gatherErr error) {
		families, gatherErr = c.registry.Gather()
		return gatherErr
	})
	if len(resourceLabels) == 0 {
		return families, err
	}
	for _, family := range families {
		if family.GetName() != targetInfo {
			for _, m := range family.Metric {
				m.Label = addLabels(m.Label, resourceLabels)
			}
			err = errors.Join(err, normalize(family))
		}
	}
	return families, err
}
