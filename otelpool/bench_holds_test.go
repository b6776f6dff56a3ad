package otelpool_test

import (
	"context"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// BenchmarkLongHold runs the callbacks of an acquire and its release with the search for long holds off, on, and on
// without stacks: what it adds to each.
func BenchmarkLongHold(b *testing.B) {
	for _, bb := range []struct {
		name string
		opts []otelpool.Option
	}{
		{"off", nil},
		{"on", []otelpool.Option{otelpool.WithLongHold(time.Minute)}},
		{"on, without stacks", []otelpool.Option{otelpool.WithLongHold(time.Minute), otelpool.WithoutStacks()}},
	} {
		b.Run(bb.name, func(b *testing.B) {
			f := setup(b, 1, nil, bb.opts...)
			held, err := f.pool.Acquire(context.Background())
			if err != nil {
				b.Fatal(err)
			}
			defer held.Release()
			conn, tracer := held.Conn(), held.Conn().Config().Tracer.(allTracers)
			b.ReportAllocs()
			for b.Loop() {
				ctx := tracer.TraceAcquireStart(context.Background(), f.pool, pgxpool.TraceAcquireStartData{})
				tracer.TraceAcquireEnd(ctx, f.pool, pgxpool.TraceAcquireEndData{Conn: conn})
				tracer.TraceRelease(f.pool, pgxpool.TraceReleaseData{Conn: conn})
			}
		})
	}
}
