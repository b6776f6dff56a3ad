package otelpool_test

import (
	"context"
	"encoding/json"
	"io"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/otelpool/otelpool-go/internal/testutil"
	"github.com/otelpool/otelpool-go/otelpool"
)

// doing describes what a hold shows of its connection.
func doing(h otelpool.Hold) string {
	var b strings.Builder
	for _, is := range []struct {
		set  bool
		text string
	}{{h.Running, "running "}, {h.ResultOpen, "open "}, {h.InTransaction, "in transaction "}} {
		if is.set {
			b.WriteString(is.text)
		}
	}
	return b.String() + h.Query
}

func TestHeldShowsActivity(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	check := func(when, want string) {
		t.Helper()
		checkEqual(t, when, doing(onlyHold(t, f.inst)), want)
	}
	check("before the first query", "")
	checkEqual(t, "frames without WithLongHold", len(onlyHold(t, f.inst).Stack), 0)

	slept := aside(func() { _, _ = conn.Exec(ctx, "SELECT pg_sleep(60)") })
	testutil.Eventually(t, "the server works", func() bool { return onlyHold(t, f.inst).Running })
	testutil.NoError(t, conn.Conn().PgConn().CancelRequest(ctx))
	<-slept
	check("after", "SELECT pg_sleep")

	tx := begin(t, conn, ctx)
	check("in a transaction", "in transaction BEGIN")
	rows := openRows(t, tx, ctx, "SELECT generate_series(1, 3)")
	rows.Next()
	check("between two rows", "open in transaction SELECT generate_series")
	rows.Close()
	check("rows closed", "in transaction SELECT generate_series")
	results := tx.SendBatch(ctx, batchOf("SELECT 1", "SELECT 2"))
	if _, err := results.Exec(); err != nil {
		t.Error(err)
	}
	check("in a batch", "open in transaction BATCH SELECT")
	testutil.NoError(t, results.Close())
	if _, err := tx.Exec(ctx, "SELECT nonsense"); err == nil {
		t.Error("no error")
	}
	check("in a failed transaction", "in transaction SELECT")
	testutil.NoError(t, tx.Rollback(ctx))
	check("rolled back", "ROLLBACK")
	checkEqual(t, "ProcessID", onlyHold(t, f.inst).ProcessID, conn.Conn().PgConn().PID())
}

// TestCopyToIsRunning has the server work for a method that has no event.
func TestCopyToIsRunning(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	execute(t, conn, t.Context(), "SELECT 1")
	copied := aside(func() {
		_, _ = conn.Conn().PgConn().CopyTo(context.Background(), io.Discard, "COPY (SELECT pg_sleep(60)) TO STDOUT")
	})
	eventuallySays(t, f, "it sleeps", "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", conn.Conn().PgConn().PID())
	testutil.Eventually(t, "the hold says so", func() bool { return doing(onlyHold(t, f.inst)) == "running " })
	checkEqual(t, "running, in a report", f.inst.Report().Holds[0].Running, 1)
	testutil.NoError(t, conn.Conn().PgConn().CancelRequest(t.Context()))
	<-copied
	checkEqual(t, "after", doing(onlyHold(t, f.inst)), "SELECT")
}

func TestRowsLeftOpenAreOpen(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	conn := acquire(t, f.pool)
	defer conn.Release()
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	rows := openRows(t, conn, ctx, "SELECT generate_series(1, 3)")
	<-ctx.Done()
	checkEqual(t, "past the deadline", doing(onlyHold(t, f.inst)), "open SELECT generate_series")
	rows.Close()
}

// TestReplacedFrontendReportsRunning replaces the Frontend, which Running depends on, after Instrument.
func TestReplacedFrontendReportsRunning(t *testing.T) {
	t.Parallel()
	tel := newTelemetry(t)
	config := parse(t, database(t))
	inst := instrument(t, config, otelpool.WithMeterProvider(tel.provider))
	config.ConnConfig.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend { return pgproto3.NewFrontend(r, w) }
	pool := newPool(t, config)
	register(t, inst, pool)
	defer openRows(t, pool, t.Context(), "SELECT 1").Close()
	checkEqual(t, "with rows open", doing(onlyHold(t, inst)), "running SELECT")
}

func TestHoldMarshalsToReadableJSON(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil, otelpool.WithLongHold(time.Hour))
	ctx, _ := spanned(t.Context(), 4)
	conn := acquireWith(t, f.pool, otelpool.WithOperation(ctx, "leak"))
	defer conn.Release()
	hold := onlyHold(t, f.inst)
	text, err := json.Marshal(hold)
	testutil.NoError(t, err)
	var got map[string]any
	testutil.NoError(t, json.Unmarshal(text, &got))
	checkEqual(t, "operation", got["operation"], any("leak"))
	checkEqual(t, "age", got["age_seconds"], any(hold.Age.Seconds()))
	checkEqual(t, "since", got["since"], any(hold.Since.Format(time.RFC3339Nano)))
	checkEqual(t, "trace", got["trace_id"], any("ab000000000000000000000000000001"))
	if stack, _ := got["stack"].([]any); len(stack) == 0 || !strings.Contains(stack[0].(string), "(otelpool/") {
		t.Errorf("stack: %v", got["stack"])
	}
	for _, absent := range []string{"query", "running", "result_open", "in_transaction", "nested", "maybe_hijacked"} {
		if _, ok := got[absent]; ok {
			t.Errorf("%s is %v", absent, got[absent])
		}
	}
	if age := time.Since(hold.Since); age < hold.Age || age > hold.Age+time.Minute {
		t.Errorf("held since %v, for %v", hold.Since, hold.Age)
	}
}

// brokenContext is the context of a request that has ended. Its methods panic.
type brokenContext struct {
	context.Context
	ended *atomic.Bool
}

func (c brokenContext) Value(key any) any {
	if c.ended.Load() {
		panic("the request has ended")
	}
	return c.Context.Value(key)
}

// TestBrokenContextLosesNoCollection holds a connection for a request that has ended.
func TestBrokenContextLosesNoCollection(t *testing.T) {
	t.Parallel()
	f := setup(t, 1, nil)
	ctx := brokenContext{otelpool.WithOperation(t.Context(), "pay"), new(atomic.Bool)}
	conn := acquireWith(t, f.pool, ctx)
	ctx.ended.Store(true)
	defer func() { ctx.ended.Store(false); conn.Release() }()
	checkEqual(t, "held, as collected", f.collect(t).value(t, "pgxpool.held{db.query.summary=pay}"), 1)
	checkEqual(t, "held, as listed", onlyHold(t, f.inst).Operation, "pay")
	checkEqual(t, "held, as reported", f.inst.Report().Holds[0].Operation, "pay")
}
