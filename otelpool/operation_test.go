package otelpool_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// TestDurationsMatchElapsedTime holds a connection that is idle, and one on which an operation runs.
func TestDurationsMatchElapsedTime(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	start := time.Now()
	conn := acquire(t, f.pool)
	wait(50 * time.Millisecond)
	conn.Release()
	f.exec(t, t.Context(), "SELECT pg_sleep(0.05)")
	passed := time.Since(start).Seconds()
	m := f.collect(t)
	between := func(key string, least, got, most float64) {
		t.Helper()
		if got < least || got > most {
			t.Errorf("%s is %v s, want between %v and %v", key, got, least, most)
		}
	}
	operation, slept := operationKey("SELECT pg_sleep", ""), "{db.query.summary=SELECT pg_sleep}"
	between("the idle hold", 0.05, m.sum(useTime), passed)
	between("the other", 0.05, m.sum(useTime+slept), passed-m.sum(useTime))
	between("its operation", 0.05, m.sum(operation), m.sum(useTime+slept))
	between("its busy time", 0.05, m.seconds(t, busyTime+slept), m.sum(operation))
	checkEqual(t, "busy time of the idle hold", m.seconds(t, busyTime), 0)
	create := m.sum("db.client.connection.create_time")
	between("create time", 1e-6, create, passed)
	between("wait time", create, m.sum(waitTime), passed)
}

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
	f.collect(t).checkCounts(t, map[string]uint64{operationKey("get_user", ""): 3, operationKey("SELECT pg_class", ""): 4})
}

// rewriter is a pgx.QueryRewriter that calls a function.
type rewriter func() error

func (r rewriter) RewriteQuery(_ context.Context, _ *pgx.Conn, sql string, args []any) (string, []any, error) {
	return sql, args, r()
}

// nilError is an error whose Unwrap panics if the pointer is nil.
type nilError struct{ inner error }

func (*nilError) Error() string { return "nil error" }

func (e *nilError) Unwrap() error { return e.inner }

// TestPanickingErrorReachesCaller has a query and a hook fail with an error that panics when it is unwrapped.
func TestPanickingErrorReachesCaller(t *testing.T) {
	t.Parallel()
	var bad *nilError
	t.Run("of a query", func(t *testing.T) {
		t.Parallel()
		f := setup(t, 1, nil)
		if _, err := f.pool.Exec(t.Context(), "SELECT 1", rewriter(func() error { return bad })); err == nil {
			t.Error("executed")
		}
		f.collect(t).checkCounts(t, map[string]uint64{operationKey("SELECT", "_OTHER"): 1})
	})
	t.Run("of PrepareConn", func(t *testing.T) {
		t.Parallel()
		f := setup(t, 1, func(c *pgxpool.Config) {
			c.PrepareConn = func(context.Context, *pgx.Conn) (bool, error) { return true, bad }
		})
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for range 2 { // the second one is canceled
			if _, err := f.pool.Acquire(ctx); err == nil {
				t.Error("acquired")
			}
			cancel()
		}
		checkEqual(t, "pending", f.collect(t).pending(t), 0)
	})
}

// TestPanicInQueryKeepsLaterQueries starts queries that never end, more than calls may nest.
func TestPanicInQueryKeepsLaterQueries(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	for range 6 {
		recovering(func() {
			_, _ = conn.Exec(t.Context(), "UPDATE nothing SET a = 1", rewriter(func() error { panic("mine") }))
		})
	}
	for i := range 10 {
		execute(t, conn, t.Context(), fmt.Sprintf("SELECT %d FROM pg_class LIMIT 1", i))
	}
	f.collect(t).checkCounts(t, map[string]uint64{operationKey("SELECT pg_class", ""): 10, operationKey("UPDATE nothing", ""): 0})
}

// TestFailedBatchKeepsOpenBatch has a batch that fails before it is sent, or is refused, beside one that is open. pgx ends the
// failed one twice (docs/pgx-facts.md, row 12).
func TestFailedBatchKeepsOpenBatch(t *testing.T) {
	t.Parallel()
	send := func(conn *pgxpool.Conn, table string) pgx.BatchResults {
		return conn.SendBatch(t.Context(), batchOf("SELECT 1 FROM "+table+" LIMIT 1", "SELECT 2 FROM "+table+" LIMIT 1"))
	}
	for name, tt := range map[string]struct {
		fails     string // the table of the batch that fails
		errorType string
		failFirst bool
	}{
		"refused":                 {"pg_type", "connection", false},
		"failed, and closed late": {"nothing", "42P01", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := setup(t, 1, nil)
			conn := acquire(t, f.pool)
			defer conn.Release()
			var open, failed pgx.BatchResults
			if tt.failFirst {
				failed, open = send(conn, tt.fails), send(conn, "pg_class")
			} else {
				open, failed = send(conn, "pg_class"), send(conn, tt.fails)
			}
			if err := failed.Close(); err == nil {
				t.Error("the batch was sent")
			}
			checkEqual(t, "the other is open", onlyHold(t, f.inst).ResultOpen, true)
			testutil.NoError(t, open.Close())
			operations(t, f, map[string]uint64{operationKey("BATCH SELECT pg_class", ""): 1, operationKey("BATCH SELECT "+tt.fails, tt.errorType): 1})
		})
	}
}

// TestCopyWithoutEndKeepsLaterCalls starts a CopyFrom that pgx does not end (docs/pgx-facts.md).
func TestCopyWithoutEndKeepsLaterCalls(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, func(c *pgxpool.Config) { c.ConnConfig.StatementCacheCapacity = 0 })
	conn := acquire(t, f.pool)
	defer conn.Release()
	if _, err := conn.CopyFrom(t.Context(), pgx.Identifier{"pg_class"}, []string{"oid"}, pgx.CopyFromRows(nil)); err == nil {
		t.Fatal("copied")
	}
	execute(t, conn, t.Context(), "SELECT 1", pgx.QueryExecModeExec)
	prepare(t, conn, t.Context(), "p", "SELECT 1")
	operations(t, f, map[string]uint64{operationKey("SELECT", ""): 1, operationKey("PREPARE SELECT", ""): 1})
}
