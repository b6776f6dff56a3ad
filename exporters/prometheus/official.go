package prometheus

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	"go.opentelemetry.io/otel/attribute"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// targetInfo is the metric whose labels are the attributes of the resource.
const targetInfo = "target_info"

// official converts metrics that are already collected, exactly as the official exporter does. That exporter is the reader
// of a MeterProvider without instruments, and reads the metrics from a Producer. It is not safe for concurrent use.
type official struct {
	exporter *otelprom.Exporter
	registry *prometheus.Registry
	scopes   []metricdata.ScopeMetrics
}

// newOfficial returns a converter that must be attached to a resource before use.
func newOfficial(opts ...otelprom.Option) (*official, error) {
	o := &official{registry: prometheus.NewRegistry()}
	opts = append(slices.Clip(opts), otelprom.WithProducer(o), otelprom.WithRegisterer(o.registry))
	var err error
	if o.exporter, err = otelprom.New(opts...); err != nil {
		return nil, fmt.Errorf("prometheus: create converter: %w", err)
	}
	return o, nil
}

// attach sets the resource of the exporter's metrics. The SDK merges the resource of the environment into it, as it did
// for the original.
func (o *official) attach(res *resource.Resource) {
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.exporter), sdkmetric.WithResource(sanitizeResource(res)))
}

// sanitizeResource returns res without attributes that cannot be labels. For one such attribute the official exporter
// would omit all of target_info.
func sanitizeResource(res *resource.Resource) *resource.Resource {
	attrs, changed := sanitizeAttributes(res.Attributes(), math.MaxInt)
	if !changed {
		return res
	}
	return resource.NewWithAttributes(res.SchemaURL(), attrs...)
}

// families returns the metrics of scopes and of the resource as the official exporter's registry gathers them. It adds
// resourceLabels to all series except that of the resource.
func (o *official) families(scopes []metricdata.ScopeMetrics, resourceLabels []*dto.LabelPair) (families []*dto.MetricFamily, err error) {
	o.scopes = scopes
	defer func() { o.scopes = nil }()
	err = catchPanic("convert", func() (gatherErr error) {
		families, gatherErr = o.registry.Gather()
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

// constantLabels returns the labels of the resource's attributes that filter accepts. The official exporter's
// WithResourceAsConstantLabels has the same labels, but omits each series that has an attribute with one of them.
func constantLabels(res *resource.Resource, filter attribute.Filter) ([]*dto.LabelPair, error) {
	if filter == nil {
		return nil, nil
	}
	merged, _ := resource.Merge(resource.Environment(), res) // as attach does
	attrs, _ := sanitizeResource(merged).Set().Filter(filter)
	return translateLabels(&attrs)
}

// addLabels returns own and the labels whose names are not in own, sorted by name.
func addLabels(own, labels []*dto.LabelPair) []*dto.LabelPair {
	all := slices.Clip(own)
	for _, label := range labels {
		if !slices.ContainsFunc(own, hasName(label.GetName())) {
			all = append(all, &dto.LabelPair{Name: label.Name, Value: label.Value})
		}
	}
	sortLabels(all)
	return all
}

// Produce implements sdkmetric.Producer.
func (o *official) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	return o.scopes, nil
}
