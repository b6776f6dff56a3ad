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

// requestKey is under which a request of these tests has its state, as services do.
type requestKey struct{}

// request leads from the context of an Acquire to the connection that it got.
type request struct{ conn *pgx.Conn }

// TestHijackedConnsAreForgotten hijacks connections and forgets them while the pool is in use: everything
// that is known of them must go with them, whatever the contexts that they were acquired with lead to.
func TestHijackedConnsAreForgotten(t *testing.T) {
	t.Parallel()
	const rounds = 20
	lasting := otelpool.WithScope(t.Context()) // outlives all connections
	for name, ctx := range map[string]func() context.Context{
		"no scope":        t.Context,
		"a scope each":    func() context.Context { return otelpool.WithScope(t.Context()) },
		"a lasting scope": func() context.Context { return lasting },
		"a context that leads to the connection": func() context.Context {
			return otelpool.WithScope(context.WithValue(t.Context(), requestKey{}, new(request)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := setup(t, 3, nil)
			defer acquire(t, f.pool).Release() // so that the pool is never idle
			var gone, watched, forgotten atomic.Int64
			for range rounds {
				ctx := ctx()
				own := acquireWith(t, f.pool, ctx).Hijack()
				if r, ok := ctx.Value(requestKey{}).(*request); ok {
					r.conn = own
				} else { // what leads to itself could have no finalizer
					watched.Add(1)
					runtime.SetFinalizer(own.PgConn().CustomData()["otelpool"], func(any) { forgotten.Add(1) })
				}
				runtime.AddCleanup(own, func(int) { gone.Add(1) }, 0)
				if err := own.Close(t.Context()); err != nil {
					t.Fatal(err)
				}
				f.collect(t)
			}
			eventually(t, "all connections are collected", func() bool {
				runtime.GC()
				return gone.Load() == rounds && forgotten.Load() == watched.Load()
			})
			if holds := f.inst.Held(); len(holds) != 1 {
				t.Errorf("%d holds, want one", len(holds))
			}
			runtime.KeepAlive(lasting)
		})
	}
}

// TestHijackedConnIsNotHeldDuringPing looks while a connection is acquired and yet no hold, so that the
// pool has as many acquired as there seem to be holds.
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
	<-time.After(10 * time.Millisecond) // its age tells it from the other
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
		t.Errorf("the oldest hold is %.3f s old: that is the hijacked connection's", got)
	}
	if holds := f.inst.Held(); len(holds) != 1 || holds[0].Age > time.Since(began) {
		t.Errorf("held are %+v, want the one that was not hijacked", holds)
	}
	close(goOn)
	<-ended
}
