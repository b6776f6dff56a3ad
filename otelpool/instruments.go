package otelpool

import (
	"context"
	"errors"
	"fmt"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/semconv/v1.43.0/dbconv"
)

var (
	// operationBuckets are those that the semantic conventions recommend for db.client.operation.duration.
	operationBuckets = []float64{0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10}

	// connectionBuckets serve wait, use and create time, for which the conventions give none: those of an operation, and
	// more at both ends, from an idle connection handed over within microseconds to one held for a minute. Each bucket is a
	// series of every pool, and with exemplars some 200 bytes in the SDK.
	connectionBuckets = []float64{0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 60}

	// rowBuckets are those that the semantic conventions recommend for db.client.response.returned_rows.
	rowBuckets = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

// withMeter calls make with the provider's meter. A provider is the user's, and may be a nil pointer or worse: what it
// panics with becomes an error.
func withMeter(provider metric.MeterProvider, make func(metric.Meter) error) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("otelpool: the MeterProvider, a %T, panics: %v", provider, p)
		}
	}()
	m := provider.Meter(ScopeName, metric.WithInstrumentationVersion(Version), metric.WithSchemaURL(semconv.SchemaURL))
	if m == nil {
		return fmt.Errorf("otelpool: the MeterProvider, a %T, gives no Meter", provider)
	}
	return make(m)
}

// histograms are the instruments that are recorded as things happen. They are the plain instruments, since the Record
// methods of dbconv make their attributes anew each time.
type histograms struct {
	operation, wait, use, create metric.Float64Histogram
	rows                         metric.Int64Histogram // nil if off
	wanted                       bool                  // somebody reads them, as known when they were made
}

func newHistograms(m metric.Meter, withRows bool) (histograms, error) {
	operation, err1 := dbconv.NewClientOperationDuration(m, metric.WithExplicitBucketBoundaries(operationBuckets...))
	wait, err2 := dbconv.NewClientConnectionWaitTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	use, err3 := dbconv.NewClientConnectionUseTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	create, err4 := dbconv.NewClientConnectionCreateTime(m, metric.WithExplicitBucketBoundaries(connectionBuckets...))
	err := errors.Join(err1, err2, err3, err4)
	h := histograms{operation: operation.Inst(), wait: wait.Inst(), use: use.Inst(), create: create.Inst()}
	if withRows {
		rows, err5 := dbconv.NewClientResponseReturnedRows(m, metric.WithExplicitBucketBoundaries(rowBuckets...))
		err = errors.Join(err, err5)
		h.rows = rows.Inst()
	}
	if err != nil {
		return histograms{}, fmt.Errorf("otelpool: create histograms: %w", err)
	}
	h.wanted = h.enabled(context.Background())
	return h, nil
}

// enabled reports whether any of them would keep a measurement.
func (h histograms) enabled(ctx context.Context) bool {
	return h.operation.Enabled(ctx) || h.wait.Enabled(ctx) || h.use.Enabled(ctx) || h.create.Enabled(ctx)
}

// finisher is go.opentelemetry.io/otel/metric/x.Finisher, written out so that users need not have that module.
type finisher interface {
	Finish(ctx context.Context, attrs ...attribute.KeyValue)
}

// finish ends the series of a pool in those histograms that can end one. The SDK of today offers it for none, and the
// series then stays, unchanging, as long as its MeterProvider.
func (h histograms) finish(ctx context.Context, r *recorder) {
	end := func(instrument any, sets ...attribute.Set) {
		if f, ok := instrument.(finisher); ok {
			for _, set := range sets {
				f.Finish(ctx, set.ToSlice()...)
			}
		}
	}
	operations, uses := r.ops.sets()
	end(h.wait, r.poolSet)
	end(h.create, r.poolSet)
	end(h.use, append(uses, r.poolSet)...)
	end(h.operation, operations...)
	if h.rows != nil {
		end(h.rows, operations...)
	}
}

// observables are the instruments that are observed at collection.
type observables struct {
	count, max, idleMax, idleMin, pending, constructing metric.Int64ObservableUpDownCounter
	timeouts, capped, acquires, longHolds, nested       metric.Int64ObservableCounter
	opened, closed, connectErrors, overflowOpened       metric.Int64ObservableCounter
	size, overflow, overflowMax, peak, pendingPeak      metric.Int64ObservableGauge
	oldestWait, oldestHold                              metric.Float64ObservableGauge
	phaseTime, busyTime                                 metric.Float64ObservableCounter
}

// newObservables makes those that the conventions define, and adds ours.
func newObservables(m metric.Meter) (observables, error) {
	var o observables
	count, err1 := dbconv.NewClientConnectionCountObservable(m)
	maxConns, err2 := dbconv.NewClientConnectionMaxObservable(m)
	idleMax, err3 := dbconv.NewClientConnectionIdleMaxObservable(m)
	idleMin, err4 := dbconv.NewClientConnectionIdleMinObservable(m)
	pending, err5 := dbconv.NewClientConnectionPendingRequestsObservable(m)
	timeouts, err6 := dbconv.NewClientConnectionTimeoutsObservable(m)
	o.count, o.max, o.idleMax, o.idleMin = count.Inst(), maxConns.Inst(), idleMax.Inst(), idleMin.Inst()
	o.pending, o.timeouts = pending.Inst(), timeouts.Inst()
	if err := errors.Join(err1, err2, err3, err4, err5, err6, o.addOwn(m)); err != nil {
		return observables{}, fmt.Errorf("otelpool: create gauges: %w", err)
	}
	return o, nil
}

// addOwn makes the instruments that the conventions lack.
func (o *observables) addOwn(m metric.Meter) error {
	var errs []error
	upDown := func(to *metric.Int64ObservableUpDownCounter, name, unit, description string) {
		var err error
		*to, err = m.Int64ObservableUpDownCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
	}
	counter := func(to *metric.Int64ObservableCounter, name, unit, description string) {
		var err error
		*to, err = m.Int64ObservableCounter(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
	}
	gauge := func(to *metric.Int64ObservableGauge, name, unit, description string) {
		var err error
		*to, err = m.Int64ObservableGauge(name, metric.WithUnit(unit), metric.WithDescription(description))
		errs = append(errs, err)
	}
	seconds := func(to *metric.Float64ObservableCounter, name, description string) {
		var err error
		*to, err = m.Float64ObservableCounter(name, metric.WithUnit("s"), metric.WithDescription(description))
		errs = append(errs, err)
	}
	age := func(to *metric.Float64ObservableGauge, name, description string) {
		var err error
		*to, err = m.Float64ObservableGauge(name, metric.WithUnit("s"), metric.WithDescription(description))
		errs = append(errs, err)
	}
	gauge(&o.size, "pgxpool.size", "{connection}", "The base size of the pool: the connections it is meant to need in normal times.")
	gauge(&o.overflow, "pgxpool.overflow", "{connection}", "The connections in use beyond the base size.")
	gauge(&o.overflowMax, "pgxpool.overflow.max", "{connection}", "The most connections that may be in use beyond the base size.")
	gauge(&o.peak, "pgxpool.peak", "{connection}", "The most connections in use at any moment of a rotating window.")
	gauge(&o.pendingPeak, "pgxpool.pending.peak", "{request}", "The most callers waiting for a connection at any moment of a rotating window.")
	age(&o.oldestWait, "pgxpool.oldest_wait", "How long the caller that waits longest for a connection has waited.")
	age(&o.oldestHold, "pgxpool.oldest_hold", "How long the connection that is held longest has been held.")
	upDown(&o.constructing, "pgxpool.constructing", "{connection}", "The connections that are being dialed now.")
	seconds(&o.phaseTime, "pgxpool.acquire.phase_time", "The time that acquires spent in each phase.")
	seconds(&o.busyTime, "pgxpool.busy_time", "The time in which an operation ran on a held connection.")
	counter(&o.acquires, "pgxpool.acquires", "{acquire}", "The acquires that ended, by result.")
	counter(&o.longHolds, "pgxpool.long_holds", "{hold}", "The connections held for longer than the threshold.")
	counter(&o.nested, "pgxpool.nested_acquires", "{acquire}", "The acquires made while their scope held a connection of the same pool.")
	counter(&o.overflowOpened, "pgxpool.overflow.opened", "{connection}", "The connections that were opened when as many as the base size were open.")
	counter(&o.opened, "pgxpool.connections.opened", "{connection}", "The connections that were opened.")
	counter(&o.closed, "pgxpool.connections.closed", "{connection}", "The connections that the pool closed, by reason.")
	counter(&o.connectErrors, "pgxpool.connections.errors", "{error}", "The connections that could not be opened, by the type of error.")
	counter(&o.capped, "pgxpool.operations.capped", "{operation}", "The operations recorded as _OTHER because the pool had as many distinct operation names as its limit allows.")
	return errors.Join(errs...)
}

func (o observables) all() []metric.Observable {
	return []metric.Observable{
		o.count, o.max, o.idleMax, o.idleMin, o.pending, o.constructing,
		o.timeouts, o.capped, o.acquires, o.longHolds, o.nested, o.opened, o.closed, o.connectErrors, o.overflowOpened,
		o.size, o.overflow, o.overflowMax, o.peak, o.pendingPeak, o.oldestWait, o.oldestHold, o.phaseTime, o.busyTime,
	}
}
