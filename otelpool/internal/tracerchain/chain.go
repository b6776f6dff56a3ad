// Package tracerchain passes pgx's events on to the tracer and the hooks that a configuration had before otelpool's.
//
// pgx checks once, by type assertions, which of its seven tracer interfaces a tracer implements. So a tracer that wraps
// another must implement all seven, and pass each event on if the other implements the interface.
package tracerchain

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Find returns the first tracer of [All], and whether there is one.
func Find[T pgx.QueryTracer](in pgx.QueryTracer) (found T, ok bool) {
	if all := All[T](in); len(all) > 0 {
		return all[0], true
	}
	return found, false
}

// All returns the tracers of type T in a configuration's tracer: that tracer itself, one that a [Link] passes events on
// to, or those that the user joined by pgx's multitracer. A tracer that is joined twice is returned twice.
func All[T pgx.QueryTracer](in pgx.QueryTracer) (all []T) {
	switch t := in.(type) {
	case T:
		return []T{t}
	case Link:
		return All[T](t.Next().Query)
	case *multitracer.Tracer:
		if t != nil {
			for _, q := range t.QueryTracers {
				all = append(all, All[T](q)...)
			}
		}
	}
	return all
}

// PrepareConn returns the hook that pgxpool calls: PrepareConn, or the deprecated BeforeAcquire. It is nil if there is
// neither.
func PrepareConn(config *pgxpool.Config) func(context.Context, *pgx.Conn) (bool, error) {
	//lint:ignore SA1019 deprecated, but called by pgxpool if PrepareConn is not set
	beforeAcquire := config.BeforeAcquire
	if config.PrepareConn != nil || beforeAcquire == nil {
		return config.PrepareConn
	}
	return func(ctx context.Context, conn *pgx.Conn) (bool, error) { return beforeAcquire(ctx, conn), nil }
}
