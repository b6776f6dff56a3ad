package otelpool_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

func TestAcquireTimeoutErrorDescribesPool(t *testing.T) {
	t.Parallel()
	const limit = 500 * time.Millisecond
	f := sized(t, otelpool.Sizing{PoolSize: 1, MaxOverflow: 1, Timeout: limit}, nil)
	held := dialAll(t, f.pool, 2)
	before := f.collect(t)

	t.Run("timeout", func(t *testing.T) {
		start := time.Now()
		_, err := f.pool.Acquire(t.Context())
		if passed := time.Since(start); passed < 30*time.Millisecond {
			t.Errorf("gave up after %v", passed)
		}
		checkEqual(t, "is ErrAcquireTimeout", errors.Is(err, otelpool.ErrAcquireTimeout), true)
		checkEqual(t, "is DeadlineExceeded", errors.Is(err, context.DeadlineExceeded), true)
		checkEqual(t, "is Canceled", errors.Is(err, context.Canceled), false)
		timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err)
		if !ok {
			t.Fatalf("error %v is a %T", err, err)
		}
		checkEqual(t, "fields", fmt.Sprint(timeout.Pool, timeout.Limit, timeout.InUse, timeout.Max, timeout.Waiting), fmt.Sprint("test", limit, 2, 2, 1))
		checkEqual(t, "text", timeout.Error(), "otelpool: no connection of pool test within 500ms: 2 of 2 in use, 1 waiting")
		marshaled, marshalErr := json.Marshal(timeout)
		checkEqual(t, "marshaled", string(marshaled), `{"Pool":"test","Limit":500000000,"InUse":2,"Max":2,"Waiting":1}`)
		checkEqual(t, "error of Marshal", marshalErr, nil)
		netErr, ok := errors.AsType[net.Error](err)
		checkEqual(t, "is a time-out of net.Error", ok && netErr.Timeout(), true)
		checkEqual(t, "is a time-out of os.IsTimeout", os.IsTimeout(err), true)
	})
	t.Run("timeout of Exec", func(t *testing.T) {
		if _, err := f.pool.Exec(t.Context(), "SELECT 1"); !errors.Is(err, otelpool.ErrAcquireTimeout) {
			t.Errorf("error %v", err)
		}
	})
	t.Run("by the caller", func(t *testing.T) {
		early, cancel := context.WithTimeout(t.Context(), time.Millisecond)
		defer cancel()
		_, err := f.pool.Acquire(early)
		checkEqual(t, "error of an earlier deadline", err, context.DeadlineExceeded)
		canceled, cancel := context.WithCancel(t.Context())
		cancel()
		_, err = f.pool.Acquire(canceled)
		checkEqual(t, "error of a cancel", err, context.Canceled)
	})
	after := f.collect(t)
	postgrestest.Release(held)
	t.Run("no limit for the connection", func(t *testing.T) {
		conn := dialAll(t, f.pool, 1)[0]
		defer conn.Release()
		execute(t, conn, t.Context(), "SELECT pg_sleep(0.6)")
	})
	t.Run("counters", func(t *testing.T) {
		for key, want := range map[string]int64{
			"db.client.connection.timeouts":     3,
			"pgxpool.acquires{result=timeout}":  3,
			"pgxpool.acquires{result=canceled}": 1,
			pendingRequests:                     0,
		} {
			checkEqual(t, "growth of "+key, after.value(t, key)-before.value(t, key), want)
		}
		checkEqual(t, "pending at the end", f.collect(t).pending(t), 0)
	})
}

func TestTimeoutErrorOfBarePoolHasAddress(t *testing.T) {
	t.Parallel()
	config := parse(t, database(t))
	apply(t, otelpool.Sizing{PoolSize: 1, Timeout: 500 * time.Millisecond}, config)
	pool := newPool(t, config)
	defer dialAll(t, pool, 1)[0].Release()
	_, err := pool.Acquire(t.Context())
	timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err)
	if !ok {
		t.Fatalf("error %v is a %T", err, err)
	}
	cc := config.ConnConfig
	checkEqual(t, "pool", timeout.Pool, fmt.Sprintf("%s:%d/%s", cc.Host, cc.Port, cc.Database))
}

func TestPrepareConnTimeoutIsAcquireTimeout(t *testing.T) {
	t.Parallel()
	f := sized(t, otelpool.Sizing{PoolSize: 1, Timeout: 500 * time.Millisecond}, func(c *pgxpool.Config) {
		c.PrepareConn = func(ctx context.Context, conn *pgx.Conn) (bool, error) {
			_, err := conn.Exec(ctx, "SELECT pg_sleep(60)")
			return err == nil, err
		}
	})
	_, err := f.pool.Acquire(t.Context())
	checkEqual(t, "is ErrAcquireTimeout", errors.Is(err, otelpool.ErrAcquireTimeout), true)
	checkEqual(t, "is DeadlineExceeded", errors.Is(err, context.DeadlineExceeded), true)
	if got := f.collect(t).value(t, "db.client.connection.timeouts"); got != 1 {
		t.Errorf("%d timeouts, want 1", got)
	}
}

// TestPanickingTracerKeepsWaitingCount reads the number of waiting callers from the error of an acquire.
func TestPanickingTracerKeepsWaitingCount(t *testing.T) {
	t.Parallel()
	const conns = 4
	var left atomic.Int64
	config := parse(t, database(t))
	config.ConnConfig.Tracer = panicking{atEnd: &left}
	apply(t, otelpool.Sizing{PoolSize: conns, Timeout: 200 * time.Millisecond}, config)
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	testutil.NoError(t, err)
	defer func() { go pool.Close() }() // never returns: pgx has lost the connections of the acquires that panicked
	postgrestest.Release(dialAll(t, pool, conns))
	left.Store(conns - 1)
	testutil.Eventually(t, "all but one acquire panicked", func() bool {
		recovering(func() { _, _ = pool.Acquire(t.Context()) })
		return left.Load() == 0
	})
	defer dialAll(t, pool, 1)[0].Release()
	_, err = pool.Acquire(t.Context())
	if timeout, ok := errors.AsType[*otelpool.AcquireTimeoutError](err); !ok || timeout.Waiting != 1 {
		t.Errorf("error %v, want one with one caller waiting", err)
	}
}
