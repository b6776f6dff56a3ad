package instruments

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

// These are Float64HistogramBinder and Int64HistogramBinder of go.opentelemetry.io/otel/metric/x, copied so that users
// do not need that module. Package direct implements the first; the SDK implements neither at version 1.47. A bound
// histogram looks up its series once instead of at each measurement.
type (
	float64Binder interface {
		Bind(attrs ...attribute.KeyValue) metric.Float64Histogram
	}
	int64Binder interface {
		Bind(attrs ...attribute.KeyValue) metric.Int64Histogram
	}
)

// Series is one series of a histogram, created once and recorded to often.
type Series[N int64 | float64] struct {
	to interface {
		Record(ctx context.Context, value N, options ...metric.RecordOption)
	}
	opts []metric.RecordOption // none if it is bound
}

// Record records a value. If the histogram panics, as the SDK's does when a View's attribute filter does, the value is
// lost.
func (s *Series[N]) Record(ctx context.Context, value N) {
	done := false
	defer func() {
		if !done { // recover takes as long as the rest of this function
			histogramPanics.caught(recover())
		}
	}()
	s.to.Record(ctx, value, s.opts...)
	done = true
}

var histogramPanics = Panics{Lost: "histogram panicked, measurement lost"}

// NewSeries returns the series of a histogram with those attributes.
func NewSeries(h metric.Float64Histogram, set attribute.Set) Series[float64] {
	if binder, ok := h.(float64Binder); ok {
		if bound := bind(binder.Bind, set); bound != nil {
			return Series[float64]{to: bound}
		}
	}
	return Series[float64]{h, []metric.RecordOption{metric.WithAttributeSet(set)}}
}

func newInt64Series(h metric.Int64Histogram, set attribute.Set) Series[int64] {
	if binder, ok := h.(int64Binder); ok {
		if bound := bind(binder.Bind, set); bound != nil {
			return Series[int64]{to: bound}
		}
	}
	return Series[int64]{h, []metric.RecordOption{metric.WithAttributeSet(set)}}
}

// bind returns the bound histogram, or nil if binding panics.
func bind[H any](to func(attrs ...attribute.KeyValue) H, set attribute.Set) (bound H) {
	defer func() {
		if recover() != nil {
			var none H
			bound = none
		}
	}()
	return to(set.ToSlice()...)
}
