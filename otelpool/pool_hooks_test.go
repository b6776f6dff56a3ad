package otelpool_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

// hookKey carries functions of a test to the pool's hooks, so that one acquire has them and others do not.
type hookKey string

const (
	inBeforeConnect hookKey = "BeforeConnect"
	inAfterConnect  hookKey = "AfterConnect"
	inShouldPing    hookKey = "ShouldPing"
	inPrepareConn   hookKey = "PrepareConn"
)

// during gives a context whose acquire runs f in a hook. PrepareConn refuses the connection if it fails with errRefused.
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

// hooked has the hooks run what the context says.
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

// pinging has a context decide about the ping, too. It is not in hooked since it changes how every acquire is measured.
func pinging(c *pgxpool.Config) {
	hooked(c)
	c.ShouldPing = func(ctx context.Context, _ pgxpool.ShouldPingParams) bool {
		_, ping := ctx.Value(inShouldPing).(func() error)
		return ping && runHook(ctx, inShouldPing) == nil
	}
}

// afterRelease runs what a test has left on a connection.
func afterRelease(conn *pgx.Conn) {
	if f, ok := conn.PgConn().CustomData()["test"].(func()); ok {
		f()
	}
}

func TestDefaultPingStaysInForce(t *testing.T) {
	t.Parallel()
	config := parse(t, "host=localhost")
	if _, err := otelpool.Instrument(config, otelpool.WithMeterProvider(newTelemetry(t).provider)); err != nil {
		t.Fatal(err)
	}
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

func TestPanicInPrepareConnIsAsWithoutUs(t *testing.T) {
	t.Parallel()
	// pgx leaks the slot of a panicking PrepareConn, so the pool cannot be closed: it is left to the server's end.
	tel := newTelemetry(t)
	config := parse(t, database(t))
	config.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { panic("mine") }
	pool, inst, err := otelpool.NewWithConfig(t.Context(), config, otelpool.WithMeterProvider(tel.provider))
	if err != nil {
		t.Fatal(err)
	}
	func() {
		defer func() {
			if got := recover(); got != "mine" {
				t.Errorf("recovered %v, want the hook's own panic", got)
			}
		}()
		_, _ = pool.Acquire(t.Context())
	}()
	m := tel.collect(t)
	if got := m.pending(t); got != 0 {
		t.Errorf("%d pending", got)
	}
	if got, want := m.value(t, used), int64(pool.Stat().AcquiredConns()); got != want {
		t.Errorf("%d in use, Stat says %d", got, want)
	}
	if err := inst.Unregister(); err != nil {
		t.Error(err)
	}
}
