package prometheus_test

import (
	"context"
	"fmt"
	"slices"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/trace"
)

// poolScope and all names here are literals, so that the tests fail when the catalogue changes.
const poolScope = "github.com/otelpool/otelpool-go/otelpool"

// instrumentSpec describes one instrument of package otelpool. Its series list their attributes without the pool's.
type instrumentSpec struct {
	name, kind, unit string
	series           [][]attribute.KeyValue
}

func one(attrs ...attribute.KeyValue) [][]attribute.KeyValue { return [][]attribute.KeyValue{attrs} }

func each(key string, values ...string) (series [][]attribute.KeyValue) {
	for _, value := range values {
		series = append(series, []attribute.KeyValue{attribute.String(key, value)})
	}
	return series
}

// units are the series of an instrument by unit of work.
var units = [][]attribute.KeyValue{{}, {attribute.String("db.query.summary", "get_user_with_roles")}}

// poolInstruments are the instruments that package otelpool documents.
var poolInstruments = []instrumentSpec{
	{"pgxpool.size", "gauge", "{connection}", one()},
	{"db.client.connection.count", "updown", "{connection}", each("db.client.connection.state", "used", "idle")},
	{"pgxpool.overflow", "gauge", "{connection}", one()},
	{"pgxpool.overflow.max", "gauge", "{connection}", one()},
	{"db.client.connection.max", "updown", "{connection}", one()},
	{"db.client.connection.idle.max", "updown", "{connection}", one()},
	{"db.client.connection.idle.min", "updown", "{connection}", one()},
	{"db.client.connection.pending_requests", "updown", "{request}", one()},
	{"pgxpool.constructing", "updown", "{connection}", one()},
	{"pgxpool.closing", "updown", "{connection}", one()},
	{"pgxpool.peak", "gauge", "{connection}", one()},
	{"pgxpool.pending.peak", "gauge", "{request}", one()},
	{"pgxpool.oldest_wait", "gauge", "s", one()},
	{"pgxpool.oldest_hold", "gauge", "s", one()},
	{"pgxpool.held", "updown", "{connection}", units},
	{"pgxpool.held.oldest", "gauge", "s", units},
	{"pgxpool.finding", "gauge", "{finding}", one(attribute.String("kind", "leak"), attribute.String("db.query.summary", "get_user_with_roles"))},
	{"pgxpool.settings", "gauge", "{pool}", one(
		attribute.Int("base_size", 5), attribute.Int("max_conns", 15), attribute.Int("min_conns", 0), attribute.Int("min_idle_conns", 0),
		attribute.String("max_conn_lifetime", "1h0m0s"), attribute.String("max_conn_lifetime_jitter", "0s"),
		attribute.String("max_conn_idle_time", "30m0s"), attribute.String("health_check_period", "1m0s"),
		attribute.String("server.address", "db.example.com"), attribute.Int("server.port", 5432),
	)},
	{"db.client.operation.duration", "histogram", "s", [][]attribute.KeyValue{
		operation("get_user_with_roles"),
		operation("SELECT users", attribute.String("error.type", "57014"), attribute.String("db.response.status_code", "57014")),
	}},
	{"db.client.connection.wait_time", "histogram", "s", one()},
	{"db.client.connection.use_time", "histogram", "s", units},
	{"db.client.connection.create_time", "histogram", "s", one()},
	{"db.client.response.returned_rows", "histogram", "{row}", one(operation("get_user_with_roles")...)},
	{"db.client.connection.timeouts", "async counter", "{timeout}", one()},
	{"pgxpool.operations.capped", "async counter", "{operation}", one()},
	{"pgxpool.acquires", "async counter", "{acquire}", each("result", "ok", "timeout", "canceled", "error")},
	{"pgxpool.acquire.waits", "async counter", "{acquire}", one()},
	{"pgxpool.acquire.phase_time", "async counter", "s", each("phase", "queue", "connect", "ping", "prepare")},
	{"pgxpool.busy_time", "async counter", "s", units},
	{"pgxpool.hold.operations", "async counter", "{operation}", units},
	{"pgxpool.units_of_work", "async counter", "{unit}", units},
	{"pgxpool.long_holds", "async counter", "{hold}", one()},
	{"pgxpool.nested_acquires", "async counter", "{acquire}", one()},
	{"pgxpool.overflow.opened", "async counter", "{connection}", one()},
	{"pgxpool.connections.opened", "async counter", "{connection}", one()},
	{"pgxpool.connections.closed", "async counter", "{connection}", each("reason", "idle", "lifetime")},
	{"pgxpool.connections.errors", "async counter", "{error}", each("error.type", "28P01")},
}

func operation(name string, more ...attribute.KeyValue) []attribute.KeyValue {
	return append([]attribute.KeyValue{
		attribute.String("db.system.name", "postgresql"),
		attribute.String("db.query.summary", name),
	}, more...)
}

// shopResource is the resource of the tests' MeterProviders, and shop the option for it.
var (
	shopResource = resource.NewSchemaless(attribute.String("service.name", "shop"))
	shop         = sdkmetric.WithResource(shopResource)
)

// recorder holds the synthetic instruments of one MeterProvider.
type recorder struct {
	observe []func(metric.Observer)
	record  []func(context.Context)
}

// instrument creates the instruments of specs. It observes a value for every series and pool at each collection, and
// records each synchronous instrument a few times. The values differ, but are the same in every run.
func instrument(tb testing.TB, provider metric.MeterProvider, pools []string, specs []instrumentSpec) *recorder {
	tb.Helper()
	r := &recorder{}
	meter := provider.Meter(poolScope)
	var observables []metric.Observable
	number := 0
	for _, spec := range specs {
		for _, pool := range pools {
			for _, attrs := range spec.series {
				number++
				set := attribute.NewSet(slices.Concat(attrs, []attribute.KeyValue{attribute.String("db.client.connection.pool.name", pool)})...)
				observable, err := r.add(meter, spec, metric.WithAttributeSet(set), number)
				if err != nil {
					tb.Fatal(err)
				}
				if observable != nil {
					observables = append(observables, observable)
				}
			}
		}
	}
	if _, err := meter.RegisterCallback(r.callback, observables...); err != nil {
		tb.Fatal(err)
	}
	r.recordAll(tb.Context())
	return r
}

// callback observes the value of every asynchronous instrument.
func (r *recorder) callback(_ context.Context, o metric.Observer) error {
	for _, observe := range r.observe {
		observe(o)
	}
	return nil
}

// recordAll records every synchronous instrument a few times.
func (r *recorder) recordAll(ctx context.Context) {
	for _, record := range r.record {
		record(ctx)
	}
}

// add adds one series. The SDK returns the same instrument for the same name.
func (r *recorder) add(meter metric.Meter, spec instrumentSpec, set metric.MeasurementOption, number int) (metric.Observable, error) {
	description, unit := metric.WithDescription("What "+spec.name+" is."), metric.WithUnit(spec.unit)
	whole := func(i metric.Int64Observable, err error) (metric.Observable, error) {
		r.observe = append(r.observe, func(o metric.Observer) { o.ObserveInt64(i, int64(number), set) })
		return i, err
	}
	seconds := func(i metric.Float64Observable, err error) (metric.Observable, error) {
		r.observe = append(r.observe, func(o metric.Observer) { o.ObserveFloat64(i, float64(number)/8, set) })
		return i, err
	}
	switch {
	case spec.kind == "gauge" && spec.unit == "s":
		return seconds(meter.Float64ObservableGauge(spec.name, description, unit))
	case spec.kind == "gauge":
		return whole(meter.Int64ObservableGauge(spec.name, description, unit))
	case spec.kind == "updown":
		return whole(meter.Int64ObservableUpDownCounter(spec.name, description, unit))
	case spec.kind == "async counter" && spec.unit == "s":
		return seconds(meter.Float64ObservableCounter(spec.name, description, unit))
	case spec.kind == "async counter":
		return whole(meter.Int64ObservableCounter(spec.name, description, unit))
	}
	h, err := meter.Float64Histogram(spec.name, description, unit,
		metric.WithExplicitBucketBoundaries(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10))
	r.record = append(r.record, func(ctx context.Context) {
		// One value for each bucket, so that the exemplars do not depend on chance.
		for _, v := range []float64{0.002, 0.25, 30} {
			h.Record(ctx, v, set)
		}
	})
	return nil, err
}

// traced returns a context with a sampled span, which exemplars require.
func traced(ctx context.Context) context.Context {
	return trace.ContextWithSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: trace.TraceID{0x0a}, SpanID: trace.SpanID{0x0b}, TraceFlags: trace.FlagsSampled,
	}))
}

// names returns n names by the format.
func names(format string, n int) (all []string) {
	for i := range n {
		all = append(all, fmt.Sprintf(format, i))
	}
	return all
}

// withOperations returns the instruments with n operations each.
func withOperations(n int) (specs []instrumentSpec) {
	var operations [][]attribute.KeyValue
	for _, name := range names("SELECT table_%03d", n) {
		operations = append(operations, operation(name))
	}
	for _, spec := range poolInstruments {
		if spec.name == "db.client.operation.duration" {
			spec.series = operations
		}
		specs = append(specs, spec)
	}
	return specs
}
