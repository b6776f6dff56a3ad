package otelpool_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestNilContextActsAsWithoutOtelpool passes none where pgx bears it, and where it does not.
func TestNilContextActsAsWithoutOtelpool(t *testing.T) {
	t.Parallel()
	var none context.Context
	prepare := func(config *pgxpool.Config) {
		config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, nil }
	}
	sized := func(config *pgxpool.Config) {
		prepare(config)
		if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: time.Minute}).Apply(config); err != nil {
			t.Error(err)
		}
	}
	for name, change := range map[string]func(*pgxpool.Config){"plain": prepare, "sized": sized} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 2, change)
			f.exec(t, t.Context(), "SELECT 1")
			func() {
				defer func() {
					if recover() == nil {
						t.Error("Acquire takes a nil context now: see what else does")
					}
				}()
				_, _ = f.pool.Acquire(none)
			}()
			for _, conn := range f.pool.AcquireAllIdle(none) {
				conn.Release()
			}
			conn, err := f.pool.Acquire(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for _, ctx := range []context.Context{t.Context(), none} {
				if _, err := conn.Conn().Prepare(ctx, "p", "SELECT 1"); err != nil {
					t.Error(err)
				}
			}
			conn.Release()
			got := f.collect(t)
			if pending, wait := got.pending(t), got.seconds(t, "pgxpool.oldest_wait"); pending != 0 || wait != 0 {
				t.Errorf("%d pending, the oldest for %v s", pending, wait)
			}
		})
	}
}

// TestReleaseForgetsContextOfAcquire lets the connection lie idle.
func TestReleaseForgetsContextOfAcquire(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithLongHold(time.Hour))
	gone := make(chan struct{})
	func() {
		state := new([1 << 10]int)
		runtime.AddCleanup(state, func(int) { close(gone) }, 0)
		acquireWith(t, f.pool, context.WithValue(t.Context(), requestKey{}, state)).Release()
	}()
	eventually(t, "what the context had is collected", func() bool {
		runtime.GC()
		select {
		case <-gone:
			return true
		default:
			return false
		}
	})
}
