package otelpool_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/otelpool"
)

func TestDurationsMatchElapsedTime(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	start := time.Now()
	f.exec(t, t.Context(), "SELECT pg_sleep(0.05)")
	passed := time.Since(start).Seconds()
	m := f.collect(t)
	for _, key := range []string{operationKey("SELECT", ""), useTime} {
		if got := m.sum(key); got < 0.05 || got > passed {
			t.Errorf("%s is %v s, want between 0.05 and %v", key, got, passed)
		}
	}
	create, wait := m.sum("db.client.connection.create_time"), m.sum(waitTime)
	if create <= 0 || wait < create || wait > passed {
		t.Errorf("wait %v s, create %v s, of %v s", wait, create, passed)
	}
}

func TestReturnedRowsCountSelectsOnly(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithReturnedRows())
	createTables(t, f)
	f.exec(t, t.Context(), "SELECT id FROM items")
	f.exec(t, t.Context(), "DELETE FROM items WHERE id < 4")
	m := f.collect(t)
	keys := m.keys("db.client.response.returned_rows")
	if len(keys) != 1 || keys[0] != "db.client.response.returned_rows{db.query.summary=SELECT items}" || m.count(keys[0]) != 1 {
		t.Errorf("returned rows are recorded for %v", keys)
	}
}

// TestQueriesOfHooksAreNamedByText has hooks ask in an acquire whose caller gave a name.
func TestQueriesOfHooksAreNamedByText(t *testing.T) {
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

// rewriter is a pgx.QueryRewriter of the user's.
type rewriter func() error

func (r rewriter) RewriteQuery(_ context.Context, _ *pgx.Conn, sql string, args []any) (string, []any, error) {
	return sql, args, r()
}

// nilError is an error whose nil pointer cannot be looked into.
type nilError struct{ inner error }

func (*nilError) Error() string { return "nil error" }

func (e *nilError) Unwrap() error { return e.inner }

func TestPanickingErrorReachesCaller(t *testing.T) {
	t.Parallel()
	var bad *nilError
	f := setup(t, 1, nil)
	if _, err := f.pool.Exec(t.Context(), "SELECT 1", rewriter(func() error { return bad })); err == nil {
		t.Error("executed")
	}
	if got := f.collect(t).count(operationKey("SELECT", "_OTHER")); got != 1 {
		t.Errorf("%d samples, want 1", got)
	}
	g := setup(t, 1, func(c *pgxpool.Config) {
		c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, bad }
	})
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	for range 2 {
		if _, err := g.pool.Acquire(ctx); err == nil {
			t.Error("acquired")
		}
		cancel()
	}
	if got := g.collect(t).pending(t); got != 0 {
		t.Errorf("%d pending", got)
	}
}

func TestPanicInQueryKeepsLaterQueries(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	for range 6 {
		func() {
			defer func() { _ = recover() }()
			_, _ = conn.Exec(t.Context(), "UPDATE nothing SET a = 1", rewriter(func() error { panic("mine") }))
		}()
	}
	for i := range 10 {
		if _, err := conn.Exec(t.Context(), fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", i)); err != nil {
			t.Fatal(err)
		}
	}
	m := f.collect(t)
	if got := m.count(operationKey("SELECT pg_class", "")); got != 10 {
		t.Errorf("%d of 10 recorded", got)
	}
	if got := m.count(operationKey("UPDATE nothing", "")); got != 0 {
		t.Errorf("%d samples of what never ran", got)
	}
}

func TestRefusedBatchKeepsOpenBatch(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	batch := func(table string) *pgx.Batch {
		b := new(pgx.Batch)
		b.Queue("SELECT 1 FROM " + table + " LIMIT 1")
		b.Queue("SELECT 2 FROM " + table + " LIMIT 1")
		return b
	}
	first := conn.SendBatch(t.Context(), batch("pg_class"))
	if err := conn.SendBatch(t.Context(), batch("pg_type")).Close(); err == nil {
		t.Error("a second batch was sent")
	}
	if err := first.Close(); err != nil {
		t.Error(err)
	}
	l := new(callCounts)
	l.sent("BATCH SELECT pg_class", "")
	l.sent("BATCH SELECT pg_type", "connection")
	l.check(t, f.collect(t))
}

func TestCopyWithoutEndKeepsLaterCalls(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) { c.ConnConfig.StatementCacheCapacity = 0 })
	conn := acquire(t, f.pool)
	defer conn.Release()
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"pg_class"}, []string{"oid"}, pgx.CopyFromRows(nil)); err == nil {
		t.Fatal("copied")
	}
	l := new(callCounts)
	l.sent("SELECT", "")
	if _, err := conn.Exec(t.Context(), "SELECT 1", pgx.QueryExecModeExec); err != nil {
		t.Fatal(err)
	}
	l.sent("PREPARE SELECT", "")
	if _, err := conn.Conn().Prepare(t.Context(), "p", "SELECT 1"); err != nil {
		t.Fatal(err)
	}
	l.check(t, f.collect(t))
}
