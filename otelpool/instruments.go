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

	// connectionBuckets serve wait, use and create time, for which the conventions give none: from an idle connection
	// handed over within microseconds to one held for a minute.
	connectionBuckets = []float64{0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60}

	// rowBuckets are those that the semantic conventions recommend for db.client.response.returned_rows.
	rowBuckets = []float64{1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000}
)

func newMeter(provider metric.MeterProvider) metric.Meter {
	return provider.Meter(ScopeName, metric.WithInstrumentationVersion(Version), metric.WithSchemaURL(semconv.SchemaURL))
}

// histograms are the instruments that are recorded as things happen. They are the plain instruments, since the Record
// methods of dbconv make their attributes anew each time.
type histograms struct {
	operation, wait, use, create metric.Float64Histogram
	rows                         metric.Int64Histogram // nil if off
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

// gauges are the instruments that are observed at collection.
type gauges struct {
	count, max, idleMax, idleMin, pending, constructing metric.Int64ObservableUpDownCounter
	timeouts, capped                                    metric.Int64ObservableCounter
	size, overflow, overflowMax                         metric.Int64ObservableGauge
}

func newGauges(m metric.Meter) (gauges, error) {
	count, err1 := dbconv.NewClientConnectionCountObservable(m)
	maxConns, err2 := dbconv.NewClientConnectionMaxObservable(m)
	idleMax, err3 := dbconv.NewClientConnectionIdleMaxObservable(m)
	idleMin, err4 := dbconv.NewClientConnectionIdleMinObservable(m)
	pending, err5 := dbconv.NewClientConnectionPendingRequestsObservable(m)
	timeouts, err6 := dbconv.NewClientConnectionTimeoutsObservable(m)
	constructing, err7 := m.Int64ObservableUpDownCounter("pgxpool.constructing", metric.WithUnit("{connection}"),
		metric.WithDescription("The connections that are being dialed now."))
	capped, err8 := m.Int64ObservableCounter("pgxpool.operations.capped", metric.WithUnit("{operation}"),
		metric.WithDescription("The operations recorded as _OTHER because the pool had as many distinct operation names as its limit allows."))
	size, err9 := m.Int64ObservableGauge("pgxpool.size", metric.WithUnit("{connection}"),
		metric.WithDescription("The base size of the pool: the connections it is meant to need in normal times."))
	overflow, err10 := m.Int64ObservableGauge("pgxpool.overflow", metric.WithUnit("{connection}"),
		metric.WithDescription("The connections in use beyond the base size."))
	overflowMax, err11 := m.Int64ObservableGauge("pgxpool.overflow.max", metric.WithUnit("{connection}"),
		metric.WithDescription("The most connections that may be in use beyond the base size."))
	err := errors.Join(err1, err2, err3, err4, err5, err6, err7, err8, err9, err10, err11)
	if err != nil {
		return gauges{}, fmt.Errorf("otelpool: create gauges: %w", err)
	}
	return gauges{
		count: count.Inst(), max: maxConns.Inst(), idleMax: idleMax.Inst(), idleMin: idleMin.Inst(),
		pending: pending.Inst(), timeouts: timeouts.Inst(),
		constructing: constructing, capped: capped, size: size, overflow: overflow, overflowMax: overflowMax,
	}, nil
}

func (g gauges) all() []metric.Observable {
	return []metric.Observable{
		g.count, g.max, g.idleMax, g.idleMin, g.pending, g.constructing, g.timeouts, g.capped, g.size, g.overflow, g.overflowMax,
	}
}
