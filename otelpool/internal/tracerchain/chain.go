// Package tracerchain passes pgx's events on to the tracer and the hooks that a configuration had before otelpool's.
//
// pgx finds out once, by a type assertion, which of its seven tracer interfaces a tracer has. So a tracer that wraps
// another must implement all seven, and pass each event on if the other has the interface.
package tracerchain

import (
	"context"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/multitracer"
	"github.com/jackc/pgx/v5/pgxpool"
)

// Find returns the tracer of type T in a configuration's: that tracer itself, one that a [Link] passes events on to, or
// one that the user joined by pgx's multitracer.
func Find[T pgx.QueryTracer](in pgx.QueryTracer) (found T, ok bool) {
	switch t := in.(type) {
	case T:
		return t, true
	case Link:
		return Find[T](t.Next().Query)
	case *multitracer.Tracer:
		if t == nil {
			return found, false
		}
		for _, q := range t.QueryTracers {
			if found, ok = Find[T](q); ok {
				return found, true
			}
		}
	}
	return found, false
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
