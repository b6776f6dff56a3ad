package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestBusyTimeCountsOperationsOnly(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	wait(60 * time.Millisecond)
	conn.Release()
	m := f.collect(t)
	if busy, held := m.seconds(t, "pgxpool.busy_time"), m.sum(useTime); busy != 0 || held < 0.06 {
		t.Errorf("an idle hold: busy %v s of %v s", busy, held)
	}
	f.exec(t, t.Context(), "SELECT pg_sleep(0.06)")
	m = f.collect(t)
	if busy := m.seconds(t, "pgxpool.busy_time"); busy < 0.06 || busy > m.sum(operationKey("SELECT", "")) {
		t.Errorf("a busy hold: busy %v s of %v s of operations", busy, m.sum(operationKey("SELECT", "")))
	}
}

func TestHeldWithoutLongHoldHasNoStacks(t *testing.T) {
	t.Parallel()
	f := setup(t, 2, nil)
	first := acquire(t, f.pool)
	second := acquire(t, f.pool)
	held := f.inst.Held()
	if len(held) != 2 || held[0].Age < held[1].Age || held[0].Stack != nil {
		t.Errorf("held %+v", held)
	}
	first.Release()
	second.Release()
}

func TestUseTimeHasNameOfCaller(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	f.exec(t, otelpool.WithOperation(t.Context(), "named"), "SELECT 1")
	f.exec(t, t.Context(), "SELECT 1")
	m := f.collect(t)
	for _, key := range []string{"db.client.connection.use_time{db.query.summary=named}", useTime} {
		if m.count(key) != 1 {
			t.Errorf("%s: %d samples, want 1", key, m.count(key))
		}
	}
}

func TestWaitingNestedAcquireIsLogged(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, otelpool.WithLongHold(time.Hour), log.option())
	ctx := otelpool.WithScope(t.Context())
	outerLine := line(1)
	outer, err := f.pool.Acquire(ctx)
	if err != nil {
		t.Fatal(err)
	}
	inner, cancel := context.WithTimeout(ctx, 20*time.Millisecond)
	defer cancel()
	innerLine := line(1)
	if _, err := f.pool.Acquire(inner); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("inner acquire: %v", err)
	}
	for range 5 { // counted, but not logged: it is the same second
		_, _ = f.pool.Acquire(inner)
	}
	entry := log.await(t, "acquire waits while its scope holds a connection of the same pool", 1)[0]
	if stack, _ := entry["stack"].(string); !strings.Contains(stack, outerLine) {
		t.Errorf("the holder's stack lacks %s: %s", outerLine, stack)
	}
	if stack, _ := entry["waiting_stack"].(string); !strings.Contains(stack, innerLine) {
		t.Errorf("the waiter's stack lacks %s: %s", innerLine, stack)
	}
	outer.Release()
	after := acquireWith(t, f.pool, ctx) // one after the other is not nested
	after.Release()
	m := f.collect(t)
	if got := m.value(t, "pgxpool.nested_acquires"); got != 6 {
		t.Errorf("%d nested acquires, want 6", got)
	}
	if got := m.value(t, "db.client.connection.timeouts"); got != 6 {
		t.Errorf("%d timeouts, want 6", got)
	}
	if n := len(log.entries(t, "acquire waits while its scope holds a connection of the same pool")); n != 1 {
		t.Errorf("logged %d times", n)
	}
}

func TestHeldMarksNestedHolds(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f, other := setup(t, 3, nil, log.option()), setup(t, 3, nil)
	ctx := otelpool.WithScope(t.Context())
	conns := []*pgxpool.Conn{
		acquireWith(t, f.pool, ctx), acquireWith(t, f.pool, ctx), // the second is nested
		acquireWith(t, other.pool, ctx),                 // of another pool
		acquireWith(t, f.pool, otelpool.WithScope(ctx)), // of another scope
	}
	var nested []bool
	for _, h := range f.inst.Held() {
		nested = append(nested, h.Nested)
	}
	if fmt.Sprint(nested) != "[false true false]" {
		t.Errorf("nested: %v", nested)
	}
	for _, conn := range conns {
		conn.Release()
	}
	if got := f.collect(t).value(t, "pgxpool.nested_acquires"); got != 1 {
		t.Errorf("%d nested acquires, want 1", got)
	}
	if got := other.collect(t).value(t, "pgxpool.nested_acquires"); got != 0 {
		t.Errorf("%d nested acquires of the other pool", got)
	}
	if text := log.String(); text != "" {
		t.Errorf("nobody had to wait, but %s", text)
	}
}

func TestMisuseAtReleaseIsCountedAndLogged(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, log.option())
	ctx := t.Context()
	for range 3 {
		conn := acquireWith(t, f.pool, otelpool.WithOperation(ctx, "forgets_commit"))
		if _, err := conn.Begin(ctx); err != nil {
			t.Fatal(err)
		}
		conn.Release()
	}
	for range 2 {
		conn := acquireWith(t, f.pool, ctx)
		if _, err := conn.Query(ctx, "SELECT generate_series(1, 100000)"); err != nil {
			t.Fatal(err)
		}
		conn.Release()
	}
	conn := acquire(t, f.pool)
	_, _ = conn.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
	conn.Release()
	eventually(t, "all are closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	m := f.collect(t)
	for key, want := range map[string]int64{
		"pgxpool.connections.opened":                        6,
		"pgxpool.connections.closed{reason=in_transaction}": 3,
		"pgxpool.connections.closed{reason=busy}":           2,
		"pgxpool.connections.closed{reason=broken}":         1,
		"pgxpool.connections.closed{reason=other}":          0,
	} {
		if got := m.value(t, key); got != want {
			t.Errorf("%s is %d, want %d", key, got, want)
		}
	}
	inTransaction := log.await(t, "connection released in a transaction: pgx closes it", 1)
	busy := log.await(t, "connection released busy, rows or a batch not closed: pgx closes it", 1)
	if len(inTransaction) != 1 || inTransaction[0]["operation"] != "forgets_commit" {
		t.Errorf("logged %v", inTransaction)
	}
	if len(busy) != 1 || busy[0]["query"] != "SELECT" {
		t.Errorf("logged %v", busy)
	}
}
