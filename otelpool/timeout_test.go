package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestTimeoutsCountDeadlinesAndNothingElse(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	held := acquire(t, f.pool)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), 5*time.Millisecond)
		if _, err := f.pool.Acquire(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("acquire from a full pool: %v", err)
		}
		cancel()
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.pool.Acquire(canceled); !errors.Is(err, context.Canceled) {
		t.Errorf("acquire with a canceled context: %v", err)
	}
	held.Release()
	m := f.collect(t)
	if got := m.value(t, "db.client.connection.timeouts"); got != 3 {
		t.Errorf("%d timeouts, want 3", got)
	}
	if got := m.value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending", got)
	}
	if got := m.count("db.client.connection.wait_time"); got != 1 {
		t.Errorf("%d waits, want the one that was obtained", got)
	}
}

func TestDialTimeoutIsNoAcquireTimeout(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.BeforeConnect = func(_ context.Context, cc *pgx.ConnConfig) error {
			cc.ConnectTimeout = time.Nanosecond
			return nil
		}
	})
	if _, err := f.pool.Acquire(t.Context()); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("acquire: %v", err)
	}
	if got := f.collect(t).value(t, "db.client.connection.timeouts"); got != 0 {
		t.Errorf("%d timeouts, though no caller's time was up", got)
	}
}

func TestAcquireTimeoutSaysWhy(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: limit}, nil)
	held := dialAll(t, f.pool, 2)
	before := f.collect(t)
	start := time.Now()
	_, err := f.pool.Acquire(t.Context())
	if passed := time.Since(start); passed < 30*time.Millisecond {
		t.Errorf("gave up after %v", passed)
	}
	var timeout *otelpool.AcquireTimeoutError
	if !errors.As(err, &timeout) || !errors.Is(err, otelpool.ErrAcquireTimeout) || !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		t.Fatalf("error %v", err)
	}
	cc := f.pool.Config().ConnConfig
	if want := (otelpool.AcquireTimeoutError{Pool: fmt.Sprintf("%s:%d/%s", cc.Host, cc.Port, cc.Database), Timeout: limit, InUse: 2, Max: 2, Waiting: 1}); *timeout != want {
		t.Errorf("error %+v, want %+v", *timeout, want)
	}
	if _, err := f.pool.Exec(t.Context(), "SELECT 1"); !errors.Is(err, otelpool.ErrAcquireTimeout) {
		t.Errorf("Exec: %v", err)
	}

	// A caller with an earlier deadline has their own error, and so has one who cancels.
	early, cancel := context.WithTimeout(t.Context(), time.Millisecond)
	defer cancel()
	if _, err := f.pool.Acquire(early); err != context.DeadlineExceeded {
		t.Errorf("earlier deadline: %v", err)
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := f.pool.Acquire(canceled); err != context.Canceled {
		t.Errorf("canceled: %v", err)
	}
	after := f.collect(t)
	for _, conn := range held {
		conn.Release()
	}
	// What the acquire had as a limit is no limit to what is done with the connection.
	conn := dialAll(t, f.pool, 1)[0]
	if _, err := conn.Exec(t.Context(), "SELECT pg_sleep(0.6)"); err != nil {
		t.Error(err)
	}
	conn.Release()
	for key, want := range map[string]int64{
		"db.client.connection.timeouts":         3,
		"pgxpool.acquires{result=timeout}":      3,
		"pgxpool.acquires{result=canceled}":     1,
		"db.client.connection.pending_requests": 0,
	} {
		if got := after.value(t, key) - before.value(t, key); got != want {
			t.Errorf("%s grew by %d, want %d", key, got, want)
		}
	}
	if got := f.collect(t).value(t, "db.client.connection.pending_requests"); got != 0 {
		t.Errorf("%d pending at the end", got)
	}
}

func TestTimeoutWithinPrepareConnIsOurs(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: 500 * time.Millisecond}, func(c *pgxpool.Config) {
		c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
			_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
			return err == nil, err
		}
	})
	_, err := f.pool.Acquire(t.Context())
	if !errors.Is(err, otelpool.ErrAcquireTimeout) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("error %v", err)
	}
	if got := f.collect(t).value(t, "db.client.connection.timeouts"); got != 1 {
		t.Errorf("%d timeouts, want 1", got)
	}
}

// panicking is a tracer whose end of an acquire that got a connection panics, as often as is left.
type panicking struct{ left *int }

func (panicking) TraceQueryStart(ctx context.Context, _ *pgx.Conn, _ pgx.TraceQueryStartData) context.Context {
	return ctx
}

func (panicking) TraceQueryEnd(context.Context, *pgx.Conn, pgx.TraceQueryEndData) {}

func (panicking) TraceAcquireStart(ctx context.Context, _ *pgxpool.Pool, _ pgxpool.TraceAcquireStartData) context.Context {
	return ctx
}

func (p panicking) TraceAcquireEnd(_ context.Context, _ *pgxpool.Pool, data pgxpool.TraceAcquireEndData) {
	if data.Conn != nil && *p.left > 0 {
		*p.left--
		panic("mine")
	}
}

func TestWaitingIsRightAfterATracerThatPanicked(t *testing.T) {
	t.Parallel()
	const conns = 4
	var left int
	config := parse(t, database(t))
	config.ConnConfig.Tracer = panicking{&left}
	if err := (otelpool.Sizing{PoolSize: conns, Timeout: 200 * time.Millisecond}).Apply(config); err != nil {
		t.Fatal(err)
	}
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { go pool.Close() }() // pgx loses what was acquired when the tracer panicked
	for _, conn := range dialAll(t, pool, conns) {
		conn.Release()
	}
	left = conns - 1
	eventually(t, "all but one acquire panicked", func() bool {
		recovering(func() { _, _ = pool.Acquire(t.Context()) })
		return left == 0
	})
	defer dialAll(t, pool, 1)[0].Release()
	_, err = pool.Acquire(t.Context())
	if timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err); !ok || timeout.Waiting != 1 {
		t.Errorf("error %v, want one that says one caller waits", err)
	}
}
