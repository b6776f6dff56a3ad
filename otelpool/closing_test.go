package otelpool_test

import (
	"context"
	"fmt"
	"maps"
	"net"
	"runtime"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// TestNothingIsPutIntoAConnectionThatIsClosed looks at the data of connections that the pool closes. Who released one with a
// batch open, and closes that now, reads them in the same moment, and a map that is read and written at once ends the
// program.
func TestNothingIsPutIntoAConnectionThatIsClosed(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pgxpool.Config){
		"instrumented": func(*pgxpool.Config) {},
		"sized": func(c *pgxpool.Config) {
			if err := (otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}).Apply(c); err != nil {
				t.Fatal(err)
			}
		},
	} {
		for _, blind := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, first heard of when closed: %v", name, blind), func(t *testing.T) {
				config := parse(t, database(t))
				change(config)
				tel := newTelemetry(t)
				inst, err := otelpool.Instrument(config, otelpool.WithMeterProvider(tel.provider))
				if err != nil {
					t.Fatal(err)
				}
				if blind {
					config.AfterConnect = nil
				}
				closed := make(chan []string, 1)
				inner := config.BeforeClose
				config.BeforeClose = func(conn *pgx.Conn) {
					data := conn.PgConn().CustomData()
					before := slices.Sorted(maps.Keys(data))
					inner(conn)
					after := slices.Sorted(maps.Keys(data))
					if !slices.Equal(before, after) {
						t.Errorf("its data had %q, and have %q", before, after)
					}
					closed <- after
				}
				pool, err := pgxpool.NewWithConfig(t.Context(), config)
				if err != nil {
					t.Fatal(err)
				}
				defer closePool(t, pool)
				if err := inst.Register(pool); err != nil {
					t.Fatal(err)
				}
				acquire(t, pool).Release()
				pool.Reset() // closes what is idle, and what is not when it comes back
				<-closed
				eventually(t, "it is counted", func() bool { return tel.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1 })
			})
		}
	}
}

// TestAnAcquireThatGoesOnIsNotPendingAgain has the ping of an idle connection fail and another be dialed at once. The pool
// closes the first meanwhile, on a goroutine of its own.
func TestAnAcquireThatGoesOnIsNotPendingAgain(t *testing.T) {
	t.Parallel()
	var f fixture
	var broken atomic.Bool
	closed := make(chan struct{}, 1)
	pending := make(chan int64, 1)
	f = setup(t, 4, func(c *pgxpool.Config) {
		c.ShouldPing = func(context.Context, pgxpool.ShouldPingParams) bool { return true }
		c.BeforeClose = func(*pgx.Conn) {
			if broken.Load() {
				closed <- struct{}{}
			}
		}
		next := c.ConnConfig.DialFunc
		c.ConnConfig.DialFunc = func(ctx context.Context, network, addr string) (net.Conn, error) {
			if broken.Load() {
				<-closed
				pending <- f.collect(t).value(t, "db.client.connection.pending_requests")
			}
			return next(ctx, network, addr)
		}
	})
	conn := acquire(t, f.pool)
	pid := conn.Conn().PgConn().PID()
	conn.Release()
	eventually(t, "it is idle", func() bool { return f.pool.Stat().IdleConns() == 1 })
	terminate(t, f, pid)
	broken.Store(true)
	acquire(t, f.pool).Release()
	broken.Store(false)
	if got := <-pending; got != 0 {
		t.Errorf("%d pending while it dials", got)
	}
}

// TestTheContextOfAnAcquireIsNotKeptAfterItsRelease lets the connection lie idle.
func TestTheContextOfAnAcquireIsNotKeptAfterItsRelease(t *testing.T) {
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

// TestQueriesOfHooksAreNamedByTheirText has hooks ask in an acquire whose caller gave a name.
func TestQueriesOfHooksAreNamedByTheirText(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) {
		ask := func(ctx context.Context, conn *pgx.Conn) error {
			_, err := conn.Exec(ctx, "SELECT FROM pg_class")
			return err
		}
		c.AfterConnect = ask
		c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) { return true, ask(ctx, conn) }
	})
	for range 3 {
		f.exec(t, otelpool.WithOperation(t.Context(), "get_user"), "SELECT 1")
	}
	m := f.collect(t)
	for operation, want := range map[string]uint64{"get_user": 3, "SELECT pg_class": 4} {
		if got := m.count("db.client.operation.duration{db.query.summary=" + operation + "}"); got != want {
			t.Errorf("%d of %s, want %d", got, operation, want)
		}
	}
}
