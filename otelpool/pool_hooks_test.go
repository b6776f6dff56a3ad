package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// hookKey is the key of a function in the context of an acquire, which the hook of that name calls.
type hookKey string

const (
	inBeforeConnect hookKey = "BeforeConnect"
	inAfterConnect  hookKey = "AfterConnect"
	inShouldPing    hookKey = "ShouldPing"
	inPrepareConn   hookKey = "PrepareConn"
)

// withHook returns a context whose acquire calls f in a hook. If f returns errRefused, PrepareConn refuses the connection.
func withHook(ctx context.Context, hook hookKey, f func() error) context.Context {
	return context.WithValue(ctx, hook, f)
}

var errRefused = errors.New("refused")

var errNotToday = errors.New("not today")

func panics() error { panic("mine") }

func fails() error { return errNotToday }

func refuses() error { return errRefused }

func runHook(ctx context.Context, hook hookKey) error {
	if f, ok := ctx.Value(hook).(func() error); ok {
		return f()
	}
	return nil
}

// hooked has the hooks call the functions of the context.
func hooked(c *pgxpool.Config) {
	c.BeforeConnect = func(ctx context.Context, _ *pgx.ConnConfig) error { return runHook(ctx, inBeforeConnect) }
	c.AfterConnect = func(ctx context.Context, _ *pgx.Conn) error { return runHook(ctx, inAfterConnect) }
	c.PrepareConn = func(ctx context.Context, _ *pgx.Conn) (bool, error) {
		if err := runHook(ctx, inPrepareConn); !errors.Is(err, errRefused) {
			return true, err
		}
		return false, nil
	}
}

// pinging is hooked with ShouldPing, which pings if its function returns nil. It is apart because a ShouldPing changes how
// all acquires are measured.
func pinging(c *pgxpool.Config) {
	hooked(c)
	c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
		_, ping := ctx.Value(inShouldPing).(func() error)
		return ping && runHook(ctx, inShouldPing) == nil
	}
}

// afterRelease calls the function that a test has put into the custom data of a connection.
func afterRelease(conn *pgx.Conn) {
	if f, ok := conn.PgConn().CustomData()["test"].(func()); ok {
		f()
	}
}

// TestDefaultPingStaysInForce has no ShouldPing: pgxpool would ping after more than a second of idleness.
func TestDefaultPingStaysInForce(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	instrument(t, config, otelpool.WithMeterProvider(newTelemetry(t).provider))
	for idle, want := range map[time.Duration]bool{
		0:                             false,
		time.Second:                   false,
		time.Second + time.Nanosecond: true,
	} {
		if got := config.ShouldPing(t.Context(), pgxpool.ShouldPingParams{IdleDuration: idle}); got != want {
			t.Errorf("pings after %v idle: %t, want %t", idle, got, want)
		}
	}
}

// TestAnsweredPingIsNoReasonToClose has connections answer a ping and be closed for another reason before anyone holds them.
func TestAnsweredPingIsNoReasonToClose(t *testing.T) {
	t.Parallel()
	pinged := func() context.Context {
		return withHook(context.Background(), inShouldPing, func() error { return nil })
	}
	for name, acquired := range map[string]func(*testing.T, fixture){
		"PrepareConn refuses it": func(t *testing.T, f fixture) {
			refused := false
			acquireWith(t, f.pool, withHook(pinged(), inPrepareConn, func() error {
				if refused {
					return nil
				}
				refused = true
				return errRefused
			})).Release()
		},
		"PrepareConn closes it": func(t *testing.T, f fixture) {
			acquireWith(t, f.pool, context.WithValue(pinged(), requestKey{}, true)).Release()
		},
		"its caller gives up": func(t *testing.T, f fixture) {
			testutil.Eventually(t, "an acquire ends before the answer", func() bool {
				ctx, cancel := context.WithCancel(context.Background())
				conn, err := f.pool.Acquire(withHook(ctx, inShouldPing, func() error { cancel(); return nil }))
				if err == nil {
					conn.Release()
				}
				return err != nil
			})
			settled(t, f.pool, 1) // it has answered
			f.pool.Reset()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 2, func(c *pgxpool.Config) {
				pinging(c)
				next := c.PrepareConn
				c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
					if ctx.Value(requestKey{}) != nil && !conn.IsClosed() && conn.PgConn().CustomData()["test"] != nil {
						return false, conn.Close(context.Background())
					}
					conn.PgConn().CustomData()["test"] = true
					return next(ctx, conn)
				}
			})
			acquire(t, f.pool).Release()
			acquired(t, f)
			var m metrics
			testutil.Eventually(t, "a connection is closed", func() bool {
				m = f.collect(t)
				return m.value(t, "pgxpool.connections.closed{reason=other}") == 1 ||
					m.value(t, "pgxpool.connections.closed{reason=ping}")+m.value(t, "pgxpool.connections.closed{reason=canceled}") > 0
			})
			m.check(t, map[string]int64{
				"pgxpool.connections.closed{reason=other}":    1,
				"pgxpool.connections.closed{reason=ping}":     0,
				"pgxpool.connections.closed{reason=canceled}": 0,
			})
		})
	}
}

// TestClosingConnKeepsItsCustomData looks at the custom data of connections that the pool closes. The caller that
// released one may read them at the same time (docs/pgx-facts.md), so BeforeClose must not write to them.
func TestClosingConnKeepsItsCustomData(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(*pgxpool.Config){
		"instrumented": func(*pgxpool.Config) {},
		"sized": func(c *pgxpool.Config) {
			apply(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1}, c)
		},
	} {
		for _, unknown := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, unknown until closed: %v", name, unknown), func(t *testing.T) {
				t.Parallel()
				config := parse(t, database(t))
				change(config)
				tel := newTelemetry(t)
				inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
				if unknown {
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
						t.Errorf("its data had the keys %q, and now %q", before, after)
					}
					closed <- after
				}
				pool := newPool(t, config)
				register(t, inst, pool)
				acquire(t, pool).Release()
				pool.Reset()
				<-closed
				testutil.Eventually(t, "it is counted", func() bool { return tel.collect(t).value(t, "pgxpool.connections.closed{reason=other}") == 1 })
			})
		}
	}
}
