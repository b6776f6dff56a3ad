package otelpool_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/postgres/postgrestest"
	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestHoldIsNamedByUnitOfWork holds a connection in each way that names a hold, and looks at Held and use_time.
func TestHoldIsNamedByUnitOfWork(t *testing.T) {
	t.Parallel()
	plain := func(ctx context.Context) context.Context { return ctx }
	route := func(ctx context.Context) context.Context { return otelpool.WithScope(ctx, "POST /orders") }
	named := func(ctx context.Context) context.Context { return otelpool.WithOperation(ctx, "checkout") }
	const query = "SELECT 1 FROM pg_class LIMIT 1"
	for _, tt := range []struct {
		name    string
		acquire func(context.Context) context.Context
		sqls    []string
		unit    string
	}{
		{"caller", named, []string{query}, "checkout"},
		{"caller over scope", func(ctx context.Context) context.Context { return named(route(ctx)) }, []string{query}, "checkout"},
		{"scope", route, []string{query}, "POST /orders"},
		{"scope of nothing run", route, nil, "POST /orders"},
		{"scope in a scope", func(ctx context.Context) context.Context { return otelpool.WithScope(route(ctx), "") }, []string{query}, "POST /orders"},
		{"scope without a name", func(ctx context.Context) context.Context { return otelpool.WithScope(ctx, "") }, []string{query}, "SELECT pg_class"},
		{"first operation", plain, []string{query, "SELECT 1 FROM pg_type LIMIT 1"}, "SELECT pg_class"},
		{"first of a transaction", plain, []string{"begin", "SET LOCAL work_mem = '5MB'", "savepoint a", query, "commit"}, "SELECT pg_class"},
		{"sqlc", plain, []string{"begin", "-- name: GetUser :one\nSELECT 1", "rollback"}, "GetUser"},
		{"nothing but a transaction", plain, []string{"begin", "commit"}, ""},
		{"nothing run", plain, nil, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, nil)
			conn := acquireWith(t, f.pool, tt.acquire(t.Context()))
			for _, sql := range tt.sqls {
				execute(t, conn, route(t.Context()), sql)
			}
			checkEqual(t, "operation of the hold", f.inst.Held()[0].Operation, tt.unit)
			conn.Release()
			m := f.collect(t)
			key := useTime
			if tt.unit != "" {
				key += "{db.query.summary=" + tt.unit + "}"
			}
			m.checkCounts(t, map[string]uint64{key: 1})
			checkEqual(t, "series of use_time", len(m.keys(useTime)), 1)
			if slices.Contains(tt.sqls, query) {
				m.checkCounts(t, map[string]uint64{operationKey("SELECT pg_class", ""): 1})
			}
		})
	}
}

// TestScopeNamesBeyondLimitAreOther uses more routes than the limit allows. Operations keep their names.
func TestScopeNamesBeyondLimitAreOther(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithOperationLimit(2))
	for i := range 5 {
		f.exec(t, otelpool.WithScope(t.Context(), fmt.Sprintf("GET /%d", i)), "SELECT 1")
	}
	f.exec(t, otelpool.WithOperation(t.Context(), "get_user"), "SELECT 1")
	m := f.collect(t)
	m.checkCounts(t, map[string]uint64{
		useTime + "{db.query.summary=GET /0}":   1,
		useTime + "{db.query.summary=GET /1}":   1,
		useTime + "{db.query.summary=_OTHER}":   3,
		useTime + "{db.query.summary=get_user}": 1,
		operationKey("SELECT", ""):              5,
		operationKey("get_user", ""):            1,
	})
	m.check(t, map[string]int64{"pgxpool.operations.capped": 3})
}

func TestWaitingNestedAcquireIsLogged(t *testing.T) {
	t.Parallel()
	const message = "acquire waits while its scope holds a connection of the same pool"
	var log logBuffer
	f := setup(t, 1, nil, otelpool.WithLongHold(time.Hour), log.option())
	ctx := otelpool.WithScope(t.Context(), "")
	outerLine := line(1)
	outer, err := f.pool.Acquire(ctx)
	testutil.NoError(t, err)
	innerLine := line(1)
	timeOut(t, f.pool, ctx, 20*time.Millisecond)
	for range 5 { // counted, but not logged: at most one is logged a second
		timeOut(t, f.pool, ctx, time.Millisecond)
	}
	entry := log.await(t, message, 1)[0]
	if stack, _ := entry["stack"].(string); !strings.Contains(stack, outerLine) {
		t.Errorf("the holder's stack lacks %s: %s", outerLine, stack)
	}
	if stack, _ := entry["waiting_stack"].(string); !strings.Contains(stack, innerLine) {
		t.Errorf("the waiter's stack lacks %s: %s", innerLine, stack)
	}
	outer.Release()
	acquireWith(t, f.pool, ctx).Release() // not nested: the first was released
	f.collect(t).check(t, map[string]int64{"pgxpool.nested_acquires": 6, "db.client.connection.timeouts": 6})
	checkEqual(t, "log entries", len(log.entries(t, message)), 1)
}

func TestHeldMarksNestedHolds(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f, other := setup(t, 3, nil, log.option()), setup(t, 3, nil)
	ctx := otelpool.WithScope(t.Context(), "")
	conns := []*pgxpool.Conn{
		acquireWith(t, f.pool, ctx), acquireWith(t, f.pool, ctx), // the second is nested
		acquireWith(t, other.pool, ctx),                     // of another pool
		acquireWith(t, f.pool, otelpool.WithScope(ctx, "")), // of another scope
	}
	var nested []bool
	for _, h := range f.inst.Held() {
		nested = append(nested, h.Nested)
	}
	checkEqual(t, "nested", fmt.Sprint(nested), "[false true false]")
	postgrestest.Release(conns)
	f.collect(t).check(t, map[string]int64{"pgxpool.nested_acquires": 1})
	checkEqual(t, "nested acquires of the other pool", other.collect(t).value(t, "pgxpool.nested_acquires"), 0)
	checkEqual(t, "log though no acquire waits", log.String(), "")
}

// TestConnUsedAfterCancelIsBroken has a caller give up an operation before it is sent, which leaves the connection as it
// was, and lose the connection later.
func TestConnUsedAfterCancelIsBroken(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	ended, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := conn.Exec(ended, "SELECT 1"); !errors.Is(err, context.Canceled) {
		t.Fatal(err)
	}
	execute(t, conn, t.Context(), "SELECT 1")
	testutil.NoError(t, conn.Conn().Close(t.Context()))
	conn.Release()
	testutil.Eventually(t, "it is closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	f.collect(t).check(t, map[string]int64{
		"pgxpool.connections.closed{reason=broken}":   1,
		"pgxpool.connections.closed{reason=canceled}": 0,
	})
}

// TestCancelInTransactionIsCanceled has a caller give up a statement of a transaction, whose ROLLBACK then fails because
// the connection is closed.
func TestCancelInTransactionIsCanceled(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	f := setup(t, 1, func(c *pgxpool.Config) {
		c.ConnConfig.OnNotice = func(*pgconn.PgConn, *pgconn.Notice) { cancel() }
	})
	err := pgx.BeginFunc(t.Context(), f.pool, func(tx pgx.Tx) error {
		_, err := tx.Exec(ctx, "DO $$ BEGIN RAISE NOTICE 'runs'; PERFORM pg_sleep(300); END $$")
		return err
	})
	checkEqual(t, "it was canceled", errors.Is(err, context.Canceled), true)
	testutil.Eventually(t, "it is closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	f.collect(t).check(t, map[string]int64{
		"pgxpool.connections.closed{reason=broken}":   0,
		"pgxpool.connections.closed{reason=canceled}": 1,
	})
}

// TestMisuseAtReleaseIsCountedAndLogged repeats each misuse. It is logged once for an operation.
func TestMisuseAtReleaseIsCountedAndLogged(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, log.option())
	ctx := t.Context()
	for range 3 {
		conn := acquireWith(t, f.pool, otelpool.WithOperation(ctx, "forgets_commit"))
		begin(t, conn, ctx)
		conn.Release()
	}
	for range 2 {
		conn := acquireWith(t, f.pool, ctx)
		openRows(t, conn, ctx, "SELECT generate_series(1, 100000)")
		conn.Release()
	}
	conn := acquire(t, f.pool)
	_, _ = conn.Exec(ctx, "SELECT pg_terminate_backend(pg_backend_pid())")
	conn.Release()
	testutil.Eventually(t, "all are closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	f.collect(t).check(t, map[string]int64{
		"pgxpool.connections.opened":                        6,
		"pgxpool.connections.closed{reason=in_transaction}": 3,
		"pgxpool.connections.closed{reason=busy}":           2,
		"pgxpool.connections.closed{reason=broken}":         1,
		"pgxpool.connections.closed{reason=other}":          0,
	})
	for _, want := range []struct{ message, key, value string }{
		{"connection released in a transaction: pgx closes it", "operation", "forgets_commit"},
		{"connection released busy, rows or a batch not closed: pgx closes it", "query", "SELECT generate_series"},
	} {
		entries := log.await(t, want.message, 1)
		checkEqual(t, "entries: "+want.message, len(entries), 1)
		checkEqual(t, want.key+" of: "+want.message, entries[0][want.key], any(want.value))
	}
}

// cleaner is a tracer that rolls back what a caller forgot, before pgxpool looks at the connection.
type cleaner struct{ noQueries }

func (cleaner) TraceRelease(_ *pgxpool.Pool, data pgxpool.TraceReleaseData) {
	if data.Conn.PgConn().TxStatus() != 'I' {
		_, _ = data.Conn.Exec(context.Background(), "ROLLBACK")
	}
}

// TestCleanedReleaseIsNoMisuse releases a connection in a transaction that the user's own tracer then rolls back.
func TestCleanedReleaseIsNoMisuse(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) { c.ConnConfig.Tracer = cleaner{} })
	releaseInTransaction(t, f.pool)
	acquire(t, f.pool).Release()
	m := f.collect(t)
	m.check(t, map[string]int64{"pgxpool.connections.opened": 1, "pgxpool.acquires{result=ok}": 2})
	if closed := closings(m); len(closed) > 0 {
		t.Errorf("closed: %v", closed)
	}
	uses, _ := m.holds()
	checkEqual(t, "uses", uses, 2)
}

// panicsOnScan is a sql.Scanner that panics.
type panicsOnScan struct{}

func (panicsOnScan) Scan(any) error { panic("mine") }

// TestPanickingScanIsReleasedBusy has the Scan of a row panic: pgx does not end the query, but pgxpool releases its connection.
func TestPanickingScanIsReleasedBusy(t *testing.T) {
	t.Parallel()
	var log logBuffer
	f := setup(t, 1, nil, log.option())
	if recovering(func() { _ = f.pool.QueryRow(t.Context(), "SELECT 1").Scan(new(panicsOnScan)) }) == nil {
		t.Fatal("no panic")
	}
	testutil.Eventually(t, "it is closed", func() bool { return f.pool.Stat().TotalConns() == 0 })
	m := f.collect(t)
	m.check(t, map[string]int64{"pgxpool.connections.closed{reason=busy}": 1, "pgxpool.acquires{result=ok}": 1, pendingRequests: 0})
	m.checkCounts(t, map[string]uint64{waitTime: 1, useTime + "{db.query.summary=SELECT}": 1, "db.client.connection.create_time": 1})
	log.await(t, "connection released busy, rows or a batch not closed: pgx closes it", 1)
	checkEqual(t, "holds", len(f.inst.Held()), 0)
}

func TestParallelQueriesOfScopeAreNotNested(t *testing.T) {
	t.Parallel()
	f := setup(t, 10, nil)
	ctx := otelpool.WithScope(t.Context(), "GET /orders")
	for range 12 {
		var wg sync.WaitGroup
		for range 10 {
			wg.Go(func() { count(t, f, ctx) })
		}
		wg.Wait()
	}
	f.collect(t).check(t, map[string]int64{"pgxpool.acquires{result=ok}": 120, "pgxpool.nested_acquires": 0})
}

// count makes a query whose rows take a moment.
func count(t *testing.T, f fixture, ctx context.Context) {
	t.Helper()
	var n int
	if err := f.pool.QueryRow(ctx, "SELECT count(*) FROM generate_series(1, 10000)").Scan(&n); err != nil || n != 10000 {
		t.Errorf("counted %d, %v", n, err)
	}
}
