package prometheus

import (
	"context"
	"fmt"
	"math"

	"github.com/prometheus/client_golang/prometheus"
	otelprom "go.opentelemetry.io/otel/exporters/prometheus"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// official is the official exporter as a converter of metrics that were collected already: it is the reader of a
// MeterProvider without instruments, and what it is to convert reaches it as the output of a Producer. It is not safe for
// concurrent use.
type official struct {
	exporter *otelprom.Exporter
	scopes   []metricdata.ScopeMetrics
}

// newOfficial returns an official exporter that registers its collector with registerer. It converts nothing until it
// is attached to a resource.
func newOfficial(registerer prometheus.Registerer, opts ...otelprom.Option) (*official, error) {
	o := &official{}
	opts = append(opts[:len(opts):len(opts)], otelprom.WithProducer(o), otelprom.WithRegisterer(registerer))
	var err error
	if o.exporter, err = otelprom.New(opts...); err != nil {
		return nil, fmt.Errorf("prometheus: create converter: %w", err)
	}
	return o, nil
}

// attach gives the exporter the resource that its metrics are from. The SDK merges that of the environment into it, as it
// has done before.
func (o *official) attach(res *resource.Resource) {
	sdkmetric.NewMeterProvider(sdkmetric.WithReader(o.exporter), sdkmetric.WithResource(fitResource(res)))
}

// fitResource returns res without what cannot be a label. For the sake of one such attribute the official exporter leaves
// out the whole of target_info.
func fitResource(res *resource.Resource) *resource.Resource {
	attrs, changed := fitAttributes(res.Attributes(), math.MaxInt)
	if !changed {
		return res
	}
	return resource.NewWithAttributes(res.SchemaURL(), attrs...)
}

// Produce implements sdkmetric.Producer.
func (o *official) Produce(context.Context) ([]metricdata.ScopeMetrics, error) {
	return o.scopes, nil
}
