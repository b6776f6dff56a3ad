package otelpool_test

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/otelpool/otelpool-go/internal/testutil"
)

// queryFacts are rows 11 to 17.
var queryFacts = []pgxFact{
	{11, "pings are not operations", pinging, func(t *testing.T, f fixture) {
		ctx := withHook(context.Background(), inShouldPing, func() error { return nil })
		for range 2 {
			testutil.NoError(t, f.pool.Ping(ctx))
		}
		conn := acquireWith(t, f.pool, ctx)
		testutil.NoError(t, conn.Ping(ctx))
		conn.Release()
		if got := f.collect(t).phase(t, "ping"); got <= 0 {
			t.Errorf("ping phase %v s", got)
		}
		operations(t, f, nil)
	}, counts{ok: 3, uses: 3, opened: 1}},

	{11, "ping of a dead connection", pinging, func(t *testing.T, f fixture) {
		warm(t, f, 1)
		for _, conn := range f.pool.AcquireAllIdle(t.Context()) {
			_ = conn.Conn().PgConn().Conn().Close() // pgx does not notice
			conn.Release()
		}
		acquireWith(t, f.pool, withHook(context.Background(), inShouldPing, func() error { return nil })).Release()
	}, counts{ok: 2, uses: 2, opened: 2, closed: map[string]int64{"ping": 1}}},

	{12, "batch that fails early ends twice", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		for range 3 {
			if err := conn.SendBatch(t.Context(), batchOf("SELECT 1 FROM nothing", "SELECT 2 FROM nothing")).Close(); err == nil {
				t.Error("sent")
			}
			checkEqual(t, "running", onlyHold(t, f.inst).Running, false)
			execute(t, conn, t.Context(), "SELECT 1")
		}
		conn.Release()
		operations(t, f, map[string]uint64{operationKey("BATCH SELECT nothing", "42P01"): 3, operationKey("SELECT", ""): 3})
	}, counts{ok: 1, uses: 1, opened: 1}},

	{12, "empty batch", nil, func(t *testing.T, f fixture) {
		testutil.NoError(t, f.pool.SendBatch(t.Context(), new(pgx.Batch)).Close())
		operations(t, f, nil)
	}, counts{ok: 1, uses: 1, opened: 1}},

	{13, "begin, commit and rollback are operations", nil, func(t *testing.T, f fixture) {
		for _, end := range []func(pgx.Tx) error{
			func(tx pgx.Tx) error { return tx.Commit(t.Context()) },
			func(tx pgx.Tx) error { return tx.Rollback(t.Context()) },
		} {
			tx := begin(t, f.pool, t.Context())
			hold := onlyHold(t, f.inst)
			checkEqual(t, "query", hold.Query, "BEGIN")
			checkEqual(t, "running", hold.Running, false)
			testutil.NoError(t, end(tx))
			if err := tx.Rollback(t.Context()); !errors.Is(err, pgx.ErrTxClosed) {
				t.Errorf("second end: %v", err)
			}
		}
		operations(t, f, map[string]uint64{operationKey("BEGIN", ""): 2, operationKey("COMMIT", ""): 1, operationKey("ROLLBACK", ""): 1})
	}, counts{ok: 2, uses: 2, opened: 1}},

	{14, "first run of a statement is one operation", nil, func(t *testing.T, f fixture) {
		for range 2 { // the first one prepares it
			f.exec(t, t.Context(), "SELECT $1::int", 1)
		}
		operations(t, f, map[string]uint64{operationKey("SELECT", ""): 2})
	}, counts{ok: 2, uses: 2, opened: 1}},

	{15, "rows never closed", nil, func(t *testing.T, f fixture) {
		for range 2 {
			conn := named(t, f, "forgetful")
			openRows(t, conn, t.Context(), "SELECT generate_series(1, 10)").Next()
			checkEqual(t, "rows are open", onlyHold(t, f.inst).ResultOpen, true)
			conn.Release()
		}
		f.exec(t, t.Context(), "SELECT 1 FROM pg_class LIMIT 1") // does not count the queries that never ended
		operations(t, f, map[string]uint64{operationKey("SELECT pg_class", ""): 1})
	}, counts{ok: 3, uses: 3, opened: 3, closed: map[string]int64{"busy": 2}}},

	{15, "rows closed late", nil, func(t *testing.T, f fixture) {
		rows := openRows(t, f.pool, t.Context(), "SELECT generate_series(1, 10)")
		m := f.collect(t)
		m.check(t, map[string]int64{used: 1})
		m.checkCounts(t, map[string]uint64{operationKey("SELECT generate_series", ""): 0})
		for range 2 { // the second does nothing
			rows.Close()
		}
		operations(t, f, map[string]uint64{operationKey("SELECT generate_series", ""): 1})
	}, counts{ok: 1, uses: 1, opened: 1}},

	{15, "query canceled while it runs", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { _, err := conn.Exec(ctx, "SELECT pg_sleep(300)"); ended <- err }()
		pid := conn.Conn().PgConn().PID()
		eventuallySays(t, f, "it sleeps", "SELECT count(*) > 0 FROM pg_stat_activity WHERE pid = $1 AND wait_event = 'PgSleep'", pid)
		cancel()
		if err := <-ended; err == nil {
			t.Error("slept")
		}
		conn.Release()
	}, counts{ok: 1, uses: 1, opened: 1, closed: map[string]int64{"canceled": 1}}},

	{16, "ends without a start", nil, func(t *testing.T, f fixture) {
		conn := acquire(t, f.pool)
		tracer := conn.Conn().Config().Tracer
		for range 3 {
			tracer.TraceQueryEnd(t.Context(), conn.Conn(), pgx.TraceQueryEndData{})
			tracer.(pgx.BatchTracer).TraceBatchEnd(t.Context(), conn.Conn(), pgx.TraceBatchEndData{})
			tracer.(pgx.CopyFromTracer).TraceCopyFromEnd(t.Context(), conn.Conn(), pgx.TraceCopyFromEndData{})
			tracer.(pgx.PrepareTracer).TracePrepareEnd(t.Context(), conn.Conn(), pgx.TracePrepareEndData{})
		}
		results := conn.SendBatch(t.Context(), batchOf("SELECT 1", "SELECT 2"))
		rows, err := results.Query()
		testutil.NoError(t, err)
		rows.Close() // an event of the batch, not the end of a query
		tracer.TraceQueryEnd(t.Context(), conn.Conn(), pgx.TraceQueryEndData{})
		testutil.NoError(t, results.Close())
		conn.Release()
		operations(t, f, map[string]uint64{operationKey("BATCH SELECT", ""): 1})
	}, counts{ok: 1, uses: 1, opened: 1}},

	{17, "no rows is not a failure", nil, func(t *testing.T, f fixture) {
		var n int
		if err := f.pool.QueryRow(t.Context(), "SELECT 1 WHERE false").Scan(&n); !errors.Is(err, pgx.ErrNoRows) {
			t.Errorf("scan: %v", err)
		}
		var failure *pgconn.PgError
		if err := f.pool.QueryRow(t.Context(), "SELECT 1/0").Scan(&n); !errors.As(err, &failure) {
			t.Errorf("scan: %v", err)
		}
		operations(t, f, map[string]uint64{operationKey("SELECT", ""): 1, operationKey("SELECT", "22012"): 1})
	}, counts{ok: 2, uses: 2, opened: 1}},
}

// operations checks the number of operations of each name, and that there are no others.
func operations(t *testing.T, f fixture, want map[string]uint64) {
	t.Helper()
	m := f.collect(t)
	m.checkCounts(t, want)
	if keys := m.keys("db.client.operation.duration"); len(keys) != len(want) {
		t.Errorf("operations %q, want %d", keys, len(want))
	}
	_, total := m.holds()
	busy := 0.0
	for _, key := range m.keys(busyTime) {
		busy += m.seconds(t, key)
	}
	if busy > total {
		t.Errorf("busy for %v s of holds of %v s", busy, total)
	}
}
