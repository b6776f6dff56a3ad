package otlp

import (
	"context"
	"errors"
	"fmt"
	"reflect"
	"time"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"go.opentelemetry.io/otel/sdk/resource"
)

// overflowKey is the only attribute of the series into which the SDK adds up all series above the cardinality limit.
const overflowKey attribute.Key = "otel.metric.overflow"

// pusher is the only producer of a PeriodicReader, and its exporter. For each push, the PeriodicReader calls Produce and
// then Export for each request, never concurrently. Without pusher, a PeriodicReader pushes nothing if a single callback
// fails, and each request has the whole time of a push, also at Shutdown.
type pusher struct {
	sdkmetric.Exporter
	hide      func(error) error
	collect   func(context.Context, *metricdata.ResourceMetrics) error
	batchSize int
	reported  map[[2]string]bool // the scopes and names of instruments whose overflow was reported
	panicked  bool               // whether the last collection did

	// The state of a push.
	resource *resource.Resource
	err      error     // of the collection
	deadline time.Time // for all requests
	requests int
	sent     int
	late     bool // whether the remaining requests are skipped
}

// Produce collects what the PeriodicReader then exports. It keeps the errors of callbacks and producers for Export. They
// are given half of the time, so that one that waits for the end of its context leaves time to export the rest.
func (p *pusher) Produce(ctx context.Context) ([]metricdata.ScopeMetrics, error) {
	p.deadline, _ = ctx.Deadline() // The PeriodicReader and Shutdown set one.
	ctx, cancel := context.WithTimeout(ctx, time.Until(p.deadline)/2)
	defer cancel()
	var rm metricdata.ResourceMetrics
	err := p.tryCollect(ctx, &rm)
	if rm.Resource == nil { // The SDK sets it whenever it collects anything.
		return nil, err
	}
	p.resource, p.err, p.sent, p.late = rm.Resource, err, 0, false
	return rm.ScopeMetrics, nil
}

func (p *pusher) tryCollect(ctx context.Context, rm *metricdata.ResourceMetrics) (err error) {
	// recover: a callback that panics must not crash the program
	defer func() {
		if v := recover(); v != nil {
			p.panicked = true
			err = fmt.Errorf("otlp: collect panicked: %v", v)
		}
	}()
	if p.panicked {
		// The SDK still has the observations from before the panic, and would add the new ones. With deltas, the next
		// collection would subtract them again.
		_ = p.collect(ctx, &metricdata.ResourceMetrics{})
		if p.Temporality(sdkmetric.InstrumentKindObservableCounter) == metricdata.DeltaTemporality {
			_ = p.collect(ctx, &metricdata.ResourceMetrics{})
		}
	}
	p.panicked = false
	err = p.collect(ctx, rm)
	points := 0
	for _, scope := range rm.ScopeMetrics {
		for _, m := range scope.Metrics {
			n, overflow := inspect(m.Data)
			points += n
			if in := [2]string{scope.Scope.Name, m.Name}; overflow && !p.reported[in] {
				p.reported[in] = true
				otel.Handle(fmt.Errorf("otlp: %q of %q has more series than the MeterProvider's limit: the rest are merged into one series "+
					"with the attribute %s: raise the limit with WithCardinalityLimit", m.Name, scope.Scope.Name, overflowKey))
			}
		}
	}
	p.requests = (points-1)/p.batchSize + 1
	return err
}

// inspect returns the number of data points, and whether one belongs to the overflow series.
func inspect(data metricdata.Aggregation) (n int, overflow bool) {
	v := reflect.ValueOf(data)
	if v.Kind() != reflect.Struct {
		return 0, false
	}
	points := v.FieldByName("DataPoints")
	attributes, _ := points.Type().Elem().FieldByName("Attributes")
	for i := range points.Len() {
		set := points.Index(i).FieldByIndex(attributes.Index).Addr().Interface().(*attribute.Set)
		overflow = overflow || set.Len() == 1 && set.HasValue(overflowKey)
	}
	return points.Len(), overflow
}

// Export sends one request of a push. Its error includes that of the collection.
func (p *pusher) Export(ctx context.Context, rm *metricdata.ResourceMetrics) error {
	if p.late {
		return nil
	}
	ctx, cancel := context.WithDeadline(ctx, p.deadline)
	defer cancel()
	p.sent++
	err := p.hide(p.Exporter.Export(ctx, &metricdata.ResourceMetrics{Resource: p.resource, ScopeMetrics: rm.ScopeMetrics}))
	if left := p.requests - p.sent; err != nil && ctx.Err() != nil && left > 0 {
		p.late = true
		err = errors.Join(err, fmt.Errorf("otlp: %d of %d requests are left out: %w", left, p.requests, ctx.Err()))
	}
	err, p.err = errors.Join(p.err, err), nil
	return err
}
