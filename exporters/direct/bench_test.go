package direct_test

import (
	"context"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"

	"github.com/otelpool/otelpool-go/internal/catalogue"
)

// BenchmarkRecord records to one series, through the SDK and directly.
func BenchmarkRecord(b *testing.B) {
	p := newPair(setting{})
	set := attribute.NewSet(attribute.String("a", "1"), attribute.String("b", "2"), attribute.String("c", "3"))
	for i, name := range []string{"SDK", "direct"} {
		h, err := p.providers[i].Meter(catalogue.ScopeName).Float64Histogram("duration",
			metric.WithExplicitBucketBoundaries(0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 2.5, 5, 10, 30, 60))
		if err != nil {
			b.Fatal(err)
		}
		opts := []metric.RecordOption{metric.WithAttributeSet(set)}
		if bindable, ok := h.(binder); ok {
			h, opts = bindable.Bind(set.ToSlice()...), nil
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					h.Record(context.Background(), 0.02, opts...)
				}
			})
		})
	}
}
