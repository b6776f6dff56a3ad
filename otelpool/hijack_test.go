package otelpool_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// requestKey is the key of a value in the context of an acquire.
type requestKey struct{}

// request is a value that leads from the context of an acquire to its connection.
type request struct{ conn *pgx.Conn }

// TestHijackedConnsAreForgotten hijacks connections and drops them while the pool is in use. All that otelpool knows of
// them must become garbage, also if the context of the acquire leads to the connection.
func TestHijackedConnsAreForgotten(t *testing.T) {
	t.Parallel()
	const rounds = 20
	lasting := otelpool.WithScope(t.Context(), "") // outlives all connections
	for name, ctx := range map[string]func() context.Context{
		"no scope":        t.Context,
		"a scope each":    func() context.Context { return otelpool.WithScope(t.Context(), "") },
		"a lasting scope": func() context.Context { return lasting },
		"a context that leads to the connection": func() context.Context {
			return otelpool.WithScope(context.WithValue(t.Context(), requestKey{}, new(request)), "")
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 3, nil)
			defer acquire(t, f.pool).Release() // the pool is never idle
			var gone, watched, forgotten atomic.Int64
			for range rounds {
				ctx := ctx()
				own := acquireWith(t, f.pool, ctx).Hijack()
				if r, ok := ctx.Value(requestKey{}).(*request); ok {
					r.conn = own
				} else { // an object that leads to itself may have no finalizer
					watched.Add(1)
					runtime.SetFinalizer(own.PgConn().CustomData()["otelpool"], func(any) { forgotten.Add(1) })
				}
				runtime.AddCleanup(own, func(int) { gone.Add(1) }, 0)
				testutil.NoError(t, own.Close(t.Context()))
				f.collect(t)
			}
			testutil.Eventually(t, "all connections are garbage, and their holds have ended", func() bool {
				runtime.GC()
				return gone.Load() == rounds && forgotten.Load() == watched.Load() && len(f.inst.Held()) == 1
			})
			runtime.KeepAlive(lasting)
		})
	}
}

func TestHijackOfReleasedConnPanicsAsPgx(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	conn.Release()
	want := recovering(func() { conn.Hijack() })
	checkEqual(t, "panic", recovering(func() { otelpool.Hijack(conn) }), want)
}
