package otelpool_test

import (
	"context"
	"runtime"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestNilContextActsAsWithoutOtelpool passes a nil context where pgx accepts one, and where it panics.
func TestNilContextActsAsWithoutOtelpool(t *testing.T) {
	t.Parallel()
	var none context.Context
	plain := func(config *pgxpool.Config) {
		config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, nil }
	}
	sized := func(config *pgxpool.Config) {
		plain(config)
		apply(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: time.Minute}, config)
	}
	for name, change := range map[string]func(*pgxpool.Config){"plain": plain, "sized": sized} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 2, change)
			f.exec(t, t.Context(), "SELECT 1")
			if recovering(func() { _, _ = f.pool.Acquire(none) }) == nil {
				t.Error("Acquire accepts a nil context now: test what else does")
			}
			postgrestest.Release(f.pool.AcquireAllIdle(none))
			conn := acquire(t, f.pool)
			prepare(t, conn, t.Context(), "p", "SELECT 1")
			prepare(t, conn, none, "p", "SELECT 1")
			conn.Release()
			m := f.collect(t)
			checkEqual(t, "pending", m.pending(t), 0)
			checkEqual(t, "oldest wait", m.seconds(t, "pgxpool.oldest_wait"), 0)
		})
	}
}

// TestReleaseForgetsContextOfAcquire leaves the connection idle. A value of the acquire's context must become garbage. pgx
// keeps the context of a ping, which it sends after a dial of more than a second.
func TestReleaseForgetsContextOfAcquire(t *testing.T) {
	t.Parallel()
	for name, before := range map[string]func(*testing.T, *otelpool.Instrumentation){
		"registered":               func(*testing.T, *otelpool.Instrumentation) {},
		"unregistered during hold": func(t *testing.T, inst *otelpool.Instrumentation) { unregister(t, inst) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, func(c *pgxpool.Config) {
				c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return false }
			}, otelpool.WithLongHold(time.Hour))
			gone := make(chan struct{})
			func() {
				state := new([1 << 10]int)
				runtime.AddCleanup(state, func(int) { close(gone) }, 0)
				conn := acquireWith(t, f.pool, context.WithValue(t.Context(), requestKey{}, state))
				before(t, f.inst)
				conn.Release()
			}()
			testutil.AwaitGarbage(t, "the value of the context", gone)
		})
	}
}

func TestNilContextIsAccepted(t *testing.T) {
	t.Parallel()
	t.Run("WithOperation", func(t *testing.T) {
		//lint:ignore SA1012 a nil context is the point
		ctx := otelpool.WithOperation(nil, "x") //nolint
		if ctx == nil || ctx.Err() != nil {
			t.Errorf("context %v", ctx)
		}
	})
	t.Run("New", func(t *testing.T) {
		//lint:ignore SA1012 a nil context is the point
		pool, inst, err := otelpool.New(nil, database(t)) //nolint
		testutil.NoError(t, err)
		defer pool.Close()
		defer inst.Unregister()
		testutil.NoError(t, pool.Ping(context.Background()))
	})
}
