package otelpool_test

import (
	"context"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

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
				if err := own.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.collect(t)
			}
			eventually(t, "all connections are garbage", func() bool {
				runtime.GC()
				return gone.Load() == rounds && forgotten.Load() == watched.Load()
			})
			checkEqual(t, "holds", len(f.inst.Held()), 1)
			runtime.KeepAlive(lasting)
		})
	}
}

// TestHijackedConnIsNotHeldDuringPing looks while the pool pings a connection for an acquire. That connection is acquired
// and not yet held, so the pool has acquired as many as were held before one was hijacked.
func TestHijackedConnIsNotHeldDuringPing(t *testing.T) {
	t.Parallel()
	type pinged struct{}
	pinging, goOn := make(chan struct{}), make(chan struct{})
	f := setup(t, 3, func(c *pgxpool.Config) {
		c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
			if ctx.Value(pinged{}) != nil {
				close(pinging)
				<-goOn
			}
			return false
		}
	})
	hijacked, idle := acquire(t, f.pool), acquire(t, f.pool)
	own := hijacked.Hijack()
	defer own.Close(context.Background())
	wait(10 * time.Millisecond) // the hijacked connection is older than the other
	began := time.Now()
	held := acquire(t, f.pool)
	defer held.Release()
	idle.Release()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		acquireWith(t, f.pool, context.WithValue(context.Background(), pinged{}, true)).Release()
	}()
	<-pinging
	if got := f.collect(t).seconds(t, "pgxpool.oldest_hold"); got > time.Since(began).Seconds() {
		t.Errorf("the oldest hold is %.3f s old, that of the hijacked connection", got)
	}
	if age := onlyHold(t, f.inst).Age; age > time.Since(began) {
		t.Errorf("held for %v, as the hijacked connection", age)
	}
	close(goOn)
	<-ended
}
