package otelpool

import (
	"context"
	"fmt"
	"sync/atomic"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// The binders of go.opentelemetry.io/otel/metric/x, written out so that users need not have that module. At version 1.47
// no SDK has them; one that does looks a series up once instead of at each measurement.
type (
	float64Binder interface {
		Bind(attrs ...attribute.KeyValue) metric.Float64Histogram
	}
	int64Binder interface {
		Bind(attrs ...attribute.KeyValue) metric.Int64Histogram
	}
)

// series is one of a histogram, made once and recorded to often.
type series[N int64 | float64] struct {
	to interface {
		Record(ctx context.Context, value N, options ...metric.RecordOption)
	}
	opts []metric.RecordOption // none if it is bound
}

// record records. A histogram that panics, as an SDK's does when a View's filter of attributes does, loses the
// measurement; the caller is in the middle of a request.
func (s *series[N]) record(ctx context.Context, value N) {
	defer reportPanic()
	s.to.Record(ctx, value, s.opts...)
}

// panicReported is set by the first panic that was reported: there may be one for every measurement.
var panicReported atomic.Bool

func reportPanic() {
	if p := recover(); p != nil && !panicReported.Swap(true) {
		otel.Handle(fmt.Errorf("otelpool: a histogram panics, and what it should record is lost: %v", p))
	}
}

func float64Series(h metric.Float64Histogram, set attribute.Set) series[float64] {
	if binder, ok := h.(float64Binder); ok {
		if bound := bind(binder.Bind, set); bound != nil {
			return series[float64]{to: bound}
		}
	}
	return series[float64]{h, []metric.RecordOption{metric.WithAttributeSet(set)}}
}

func int64Series(h metric.Int64Histogram, set attribute.Set) series[int64] {
	if binder, ok := h.(int64Binder); ok {
		if bound := bind(binder.Bind, set); bound != nil {
			return series[int64]{to: bound}
		}
	}
	return series[int64]{h, []metric.RecordOption{metric.WithAttributeSet(set)}}
}

// bind gives what is bound, and nothing if that fails: the interface is an experiment of others, and this may be called in
// the middle of a request.
func bind[H any](to func(attrs ...attribute.KeyValue) H, set attribute.Set) (bound H) {
	defer func() {
		if recover() != nil {
			var none H
			bound = none
		}
	}()
	return to(set.ToSlice()...)
}
