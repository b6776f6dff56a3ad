package instruments

import (
	"context"

	"go.opentelemetry.io/otel/attribute"
)

// finisher is go.opentelemetry.io/otel/metric/x.Finisher, written out so that users do not need that module.
type finisher interface {
	Finish(ctx context.Context, attrs ...attribute.KeyValue)
}

// Finish ends the series of a pool and of its operations, in histograms that can end a series. The SDK 1.47 cannot: its
// series stay, unchanged, as long as their MeterProvider.
func Finish(ctx context.Context, h Histograms, pool attribute.Set, o *Operations) {
	end := func(instrument any, sets ...attribute.Set) {
		if f, ok := instrument.(finisher); ok {
			for _, set := range sets {
				f.Finish(ctx, set.ToSlice()...)
			}
		}
	}
	durations, uses := o.sets()
	end(h.Wait, pool)
	end(h.Create, pool)
	end(h.Use, append(uses, pool)...)
	end(h.Duration, durations...)
	if h.Rows != nil {
		end(h.Rows, durations...)
	}
}
